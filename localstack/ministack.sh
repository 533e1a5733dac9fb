# What is particular to MiniStack; localstack/test.sh says what it needs.
# shellcheck shell=bash disable=SC2034 # variables of test.sh

health=/_ministack/health

# api_url PORT API-ID
api_url() { echo "http://127.0.0.1:$1/restapis/$2/live/_user_request_"; }

# after_deploy does two things. A number that a template takes from a parameter
# stays text here, and a mapping whose concurrency is text fails, so it sets the
# number through Lambda's API. Then it takes an action from the role of the
# function health, which must fail, and gives it back: else permissions are not
# enforced, and the suite would not notice a missing one.
after_deploy() {
  python - <<'PY'
import copy
import json
import sys

import boto3

functions, roles = boto3.client("lambda"), boto3.client("iam")

for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
    if scaling := mapping.get("ScalingConfig"):
        functions.update_event_source_mapping(
            UUID=mapping["UUID"],
            ScalingConfig={"MaximumConcurrency": int(scaling["MaximumConcurrency"])},
        )


def status(function):
    event = {"resource": "/health", "path": "/health", "httpMethod": "GET", "requestContext": {"httpMethod": "GET"}}
    out = functions.invoke(FunctionName=function["FunctionName"], Payload=json.dumps(event))
    return json.load(out["Payload"]).get("statusCode")


def expect(want, got, when):
    if got != want:
        sys.exit(f"health answers {got} {when}, want {want}")


health = next(f for f in functions.list_functions()["Functions"] if "HealthFunction" in f["FunctionName"])
role = health["Role"].rsplit("/", 1)[1]
for name in roles.list_role_policies(RoleName=role)["PolicyNames"]:
    policy = roles.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    reduced = copy.deepcopy(policy)
    reduced["Statement"] = [s for s in policy["Statement"] if "dynamodb:GetItem" not in s["Action"]]
    if reduced == policy:
        continue
    expect(200, status(health), "with its whole role")
    roles.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(reduced))
    expect(503, status(health), "without dynamodb:GetItem")
    roles.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    expect(200, status(health), "with its whole role again")
    break
else:
    sys.exit("no policy of health's role allows dynamodb:GetItem")
PY
}
