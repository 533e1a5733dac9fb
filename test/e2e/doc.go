// Package e2e is the end-to-end suite: a black box test of a running service,
// over HTTP, given only its base URL.
//
// The suite runs against every shape of the service: embedded, the local server
// on real engines, sam local, emulators of AWS that run the template, and a
// deployment on AWS. A shape is a target: a script targets/<name>.sh that
// starts it, runs a command against it and stops it. run.sh runs the suite on
// targets and prints one table.
//
//	test/e2e/run.sh embedded aws
//	CHATAPI_E2E_URL=https://….amazonaws.com/live test/e2e/run.sh deployed
//
// The environment of the suite:
//
//	CHATAPI_E2E_URL     base URL of the service; may have a path, as an API Gateway stage
//	CHATAPI_E2E_TARGET  name of the target, by which exceptions.go names what it is known to fail
//	CHATAPI_E2E_SCALE   factor on the size of loads; 1 where it is not set, less on slow targets of run.sh
//	CHATAPI_E2E_STOP    commands that stop and start an engine and keep its data,
//	CHATAPI_E2E_START   given dynamodb, sqs or opensearch as their last argument
//
// Where to look: suite_test.go has the list of parts and runs their cases; each
// part stands in the file of its name.
package e2e
