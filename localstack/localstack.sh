# What is particular to LocalStack; localstack/test.sh says what it needs.
# shellcheck shell=bash disable=SC2034 # variables of test.sh

health=/_localstack/health

# api_url PORT API-ID
api_url() { echo "http://127.0.0.1:$1/_aws/execute-api/$2/live"; }

# after_deploy: nothing to repair.
after_deploy() { :; }
