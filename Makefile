# The one place for the commands of this project; "make help" lists them.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/chatapi
	go build -o bin/chatapi ./cmd/chatapi

.PHONY: run
run: build ## serve the API on 127.0.0.1:8000 with everything embedded
	exec bin/chatapi serve

.PHONY: test
test: ## run all tests that need nothing but Go
	@if command -v "$$(go env CC)" >/dev/null; then race=-race; \
	else echo "there is no C compiler here, so the tests run without the race detector"; fi; \
	set -x; go test $$race ./...

.PHONY: openapi
openapi: ## write docs/openapi.yaml from the code, and from it the client and the Postman collection
	go run ./internal/generate

.PHONY: test-engines
test-engines: ## run the contract suites on DynamoDB Local, ElasticMQ and OpenSearch; installs, starts and stops them
	test/engines/with.sh go test -race -count=1 -tags engines ./pkg/dynamo ./pkg/sqs ./pkg/opensearch ./pkg/reindex ./pkg/verify ./internal/cost

.PHONY: e2e
e2e: ## run the end-to-end suite on every target, or on TARGETS="embedded aws localstack ministack sam-local"
	test/e2e/run.sh $(TARGETS)

.PHONY: faults
faults: ## try to break the promises on everything there is, and write docs/reports/faults.md
	test/engines/with.sh go run ./test/faults -table docs/reports/faults.md $(if $(SEED),-seed $(SEED))
	CHATAPI_ENGINES_KEEP=1 test/engines/with.sh go run ./test/faults -rows aws-engines -table docs/reports/faults.md $(if $(SEED),-seed $(SEED))

.PHONY: faults-brief
faults-brief: ## the same for some four minutes, on the embedded backend
	@if [ -e /dev/fuse ]; then set -x; go test -count=1 -tags fuse ./test/faults/volatile; \
	else echo "not run: the tests of the volatile disk need /dev/fuse"; fi
	go run ./test/faults -brief $(if $(SEED),-seed $(SEED))

.PHONY: soak
soak: ## all faults at once for MINUTES=10; judges memory, goroutines, files and disk as well
	go run ./test/faults -rows soak $(if $(MINUTES),-for $(MINUTES)m) $(if $(SEED),-seed $(SEED))

.PHONY: fuzz
fuzz: ## feed every decoder of outside bytes for FUZZTIME=10s each
	@grep -rhoE --include='*_test.go' '^func Fuzz\w+' pkg -H | sed 's/^\(.*\)\/[^/]*:func /\1 /' | while read -r folder target; do \
	echo "go test ./$$folder -fuzz $$target"; \
	go test "./$$folder" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),10s) </dev/null || exit 1; done

.PHONY: localstack-test
localstack-test: ## deploy template.yaml to LocalStack and to MiniStack and run the end-to-end suite there
	test/e2e/run.sh localstack ministack

.PHONY: sam-local
sam-local: ## serve the functions with sam local start-api on 127.0.0.1:3000, on engines of their own
	SAM_LOCAL_PORT=3000 test/engines/sam-local.sh api

.PHONY: sam-events
sam-events: ## run every function on its event with sam local invoke
	test/engines/sam-local.sh invoke go test -count=1 -tags sam ./events || [ $$? = 69 ] # it has said why it is not run

.PHONY: newman
newman: ## run the Postman collection against chatapi serve; installs newman
	test/conformance/newman.sh

.PHONY: schemathesis
schemathesis: ## hold chatapi serve to its OpenAPI document with schemathesis; installs it
	test/conformance/schemathesis.sh

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, govulncheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these: $$unformatted"; exit 1; fi
	go vet -tags 'engines e2e sam fuse' ./...
	go run $(STATICCHECK) -tags 'engines e2e sam fuse' ./...
	for module in bench/usual bench/stores; do (cd $$module && go vet ./... && go run $(STATICCHECK) ./...) || exit; done
	@echo "go run $(GOVULNCHECK) ./..."; out=$$(go run $(GOVULNCHECK) ./... 2>&1) || \
	case "$$out" in \
	*"fetching vulnerabilities"*) echo "not run: the Go vulnerability database cannot be reached from here";; \
	*) echo "$$out"; exit 1;; \
	esac

.PHONY: lint-template
lint-template: ## cfn-lint and sam validate --lint on template.yaml; installs them
	test/engines/sam.sh cfn-lint template.yaml
	test/engines/sam.sh sam validate --lint

.PHONY: bench
bench: build ## measure speed beside a bare server, the disk and the usual stack, and write docs/reports/measured.md (SHORT=1 for a few minutes; MESSAGES=10000000 for half an hour and 15 GB)
	test/engines/usual.sh
	cd bench/usual && go build -o ../../bin/usual .
	go run ./bench -command "make bench$(if $(SHORT), SHORT=1)$(if $(MESSAGES), MESSAGES=$(MESSAGES))" -report docs/reports \
		$(if $(SHORT),-duration 2s -messages 100000) $(if $(MESSAGES),-messages $(MESSAGES))

.PHONY: budget
budget: ## measure the Lambda functions and fail where one has outgrown its budget
	go run ./bench/functions -runs 8 -calls 3

.PHONY: budget-update
budget-update: ## measure the Lambda functions and write their budgets and docs/reports/functions.md anew
	go run ./bench/functions -runs 40 -calls 5 -update

.PHONY: calls-update
calls-update: ## count the calls of every operation and write internal/cost/calls.json and docs/reports/calls.md anew
	go test ./internal/cost -run TestCalls -update

.PHONY: scale-update
scale-update: ## simulate 100,000 creates a second on AWS's limits and write docs/reports/scale.md anew
	go run ./bench/simulate -update

.PHONY: bench-stores
bench-stores: ## compare engines that could keep the creates on one machine, and write docs/reports/storage.md
	cd bench/stores && go run . >../../docs/reports/storage.md

.PHONY: bench-batches
bench-batches: ## measure the writer's batches on DynamoDB Local for a minute, and write docs/reports/batches.md
	test/engines/with.sh go run ./bench batches >docs/reports/batches.md

.PHONY: demo
demo: ## fill a server with thousands of real texts and search them (TEXTS="FILE|FOLDER …" for your own)
	demo/run.sh $(TEXTS)

.PHONY: deploy
deploy: ## build the functions and deploy the stack; ENV=prod for the other environment of samconfig.toml
	CGO_ENABLED=0 GOFLAGS="'-ldflags=-s -w' -tags=lambda.norpc" sam build --config-env $(or $(ENV),default)
	sam deploy --guided --config-env $(or $(ENV),default)
