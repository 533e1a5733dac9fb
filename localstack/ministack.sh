# What is particular to MiniStack; localstack/test.sh says what it needs.
# shellcheck shell=bash disable=SC2034 # variables of test.sh

health=/_ministack/health

# api_url PORT API-ID
api_url() { echo "http://127.0.0.1:$1/restapis/$2/live/_user_request_"; }

# after_deploy: a number that a template takes from a parameter stays text
# here, and a mapping whose concurrency is text fails. Lambda's API sets it as
# a number.
after_deploy() {
  python - <<'PY'
import boto3

functions = boto3.client("lambda")
for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
    if scaling := mapping.get("ScalingConfig"):
        functions.update_event_source_mapping(
            UUID=mapping["UUID"],
            ScalingConfig={"MaximumConcurrency": int(scaling["MaximumConcurrency"])},
        )
PY
}
