//go:build linux

package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"chatapi/pkg/dynamo"
	"chatapi/pkg/embedded"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/config"
)

// engineVariables are the addresses that test/engines/with.sh gives, and what the
// SDK and the adapters know them by.
var engineVariables = []struct{ from, to string }{
	{"CHATAPI_TEST_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB"},
	{"CHATAPI_TEST_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"},
	{"CHATAPI_TEST_SQS", "AWS_ENDPOINT_URL_SQS"},
	{"CHATAPI_TEST_OPENSEARCH", "OPENSEARCH_ENDPOINT"},
}

// engineNames are those of test/engines/switch.sh.
var engineNames = []string{"dynamodb", "sqs", "opensearch"}

// keepVariable is 1 where test/engines/with.sh keeps the data of engines that stop
// and start. DynamoDB Local on disk takes four times as long for a create as in
// memory, so the rows that do not stop engines are run without it.
const keepVariable = "CHATAPI_ENGINES_KEEP"

func kept() bool { return os.Getenv(keepVariable) == "1" }

// Errors of rows that cannot run here.
var (
	errNoEngines = errors.New("there are no engines: run it with test/engines/with.sh before the command")
	errNotKept   = errors.New("the engines would forget what they hold: run it with " + keepVariable + "=1 before the command")
)

// setUpEngines creates tables, queues and an index of a row's own, and names
// them in the environment, where the server finds them.
func setUpEngines(ctx context.Context, r row) error {
	if r.disturb == enginesStop && !kept() {
		return errNotKept
	}
	for _, v := range engineVariables {
		address := os.Getenv(v.from)
		if address == "" {
			return errNoEngines
		}
		if err := os.Setenv(v.to, address); err != nil {
			return err
		}
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	name := strings.ToLower("faults-" + rand.Text()[:8])
	tables := dynamo.Tables{}
	names := map[string]*string{
		"APPS_TABLE": &tables.Apps, "CHATS_TABLE": &tables.Chats, "MESSAGES_TABLE": &tables.Messages,
		"COUNTERS_TABLE": &tables.Counters, "READERS_TABLE": &tables.Readers, "IDEMPOTENCY_TABLE": &tables.Idempotency,
	}
	environment := map[string]string{"OPENSEARCH_INDEX": name}
	for variable, table := range names {
		*table = name + "-" + strings.ToLower(variable)
		environment[variable] = *table
	}
	// A delivery must be hidden for as long as a batch of the writer may take.
	queues, noQueues := sqs.CreateQueues(ctx, cfg, sqs.NamesWithPrefix(name), cmp.Or(r.visibility, embedded.DefaultVisibility), embedded.MaxReceives)
	index, noIndex := opensearch.New(cfg, opensearch.Config{Endpoint: os.Getenv("OPENSEARCH_ENDPOINT"), Index: name})
	if err := errors.Join(noQueues, noIndex, dynamo.New(cfg, tables).CreateTables(ctx)); err != nil {
		return err
	}
	environment[sqs.CreatesVariable], environment[sqs.CreateDeadLettersVariable] = queues.Creates, queues.CreateDeadLetters
	environment[sqs.ChangeDeadLettersVariable] = queues.ChangeDeadLetters
	for variable, value := range environment {
		if err := os.Setenv(variable, value); err != nil {
			return err
		}
	}
	return index.Setup(ctx)
}

// stopEngines stops one engine after the other, as the seed has it, for some
// seconds each, and starts it again.
func (t *trial) stopEngines(ctx context.Context) error {
	for {
		name := engineNames[t.random.IntN(len(engineNames))]
		if err := switchEngine(ctx, "stop", name); err != nil {
			return err
		}
		t.done[enginesStop]++
		_ = pause(ctx, time.Duration(t.random.Int64N(int64(4*time.Second))))
		if err := switchEngine(ctx, "start", name); err != nil {
			return err
		}
		if pause(ctx, time.Duration(t.random.Int64N(int64(4*time.Second)))) != nil {
			return nil
		}
	}
}

// switchEngine runs test/engines/switch.sh, which must be found from the working
// directory. An engine that is being started is not left half-way.
func switchEngine(ctx context.Context, action, name string) error {
	log, err := os.CreateTemp("", "chatapi-faults-*.log") // no pipe, which a started engine would hold open
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	command := exec.CommandContext(context.WithoutCancel(ctx), "test/engines/switch.sh", action, name)
	command.Stdout, command.Stderr = log, log
	if err := command.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s %s: %w: %s", action, name, err, text)
	}
	return nil
}
