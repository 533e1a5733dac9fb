package functions_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatapi/pkg/sqs"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// template is template.yaml. Each resource's properties are read where its
// type is known.
type template struct {
	Globals struct {
		Function struct {
			Handler string `yaml:"Handler"`
			Runtime string `yaml:"Runtime"`
		} `yaml:"Function"`
	} `yaml:"Globals"`
	Resources map[string]struct {
		Type                string    `yaml:"Type"`
		DeletionPolicy      string    `yaml:"DeletionPolicy"`
		UpdateReplacePolicy string    `yaml:"UpdateReplacePolicy"`
		Properties          yaml.Node `yaml:"Properties"`
	} `yaml:"Resources"`
}

// function is what the tests read of an AWS::Serverless::Function.
type function struct {
	CodeURI     string      `yaml:"CodeUri"`
	Timeout     int         `yaml:"Timeout"`
	Policies    []yaml.Node `yaml:"Policies"`
	Environment struct {
		Variables map[string]yaml.Node `yaml:"Variables"`
	} `yaml:"Environment"`
	Events map[string]struct {
		Type       string `yaml:"Type"`
		Properties struct {
			Method string `yaml:"Method"`
			Path   string `yaml:"Path"`
		} `yaml:"Properties"`
	} `yaml:"Events"`
}

func (f function) name() string { return path.Base(f.CodeURI) }

// queue is what the tests read of an AWS::SQS::Queue.
type queue struct {
	VisibilityTimeout      int `yaml:"VisibilityTimeout"`
	MessageRetentionPeriod int `yaml:"MessageRetentionPeriod"`
	RedrivePolicy          struct {
		MaxReceiveCount int `yaml:"maxReceiveCount"`
	} `yaml:"RedrivePolicy"`
}

// TestEveryFunctionIsDeployed holds that the template's functions are those in
// the folders, under the name that their runtime starts.
func TestEveryFunctionIsDeployed(t *testing.T) {
	stack := readTemplate(t)
	var deployed []string
	for _, f := range stack.functions(t) {
		deployed = append(deployed, f.name())
		if _, err := os.Stat(filepath.Join("..", f.CodeURI, "main.go")); err != nil {
			t.Errorf("CodeUri %s: %v", f.CodeURI, err)
		}
	}
	slices.Sort(deployed)
	if diff := cmp.Diff(folders(t), deployed); diff != "" {
		t.Errorf("folders (-) and functions of the template (+):\n%s", diff)
	}
	// https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html
	if got := stack.Globals.Function; got.Runtime != "provided.al2023" || got.Handler != "bootstrap" {
		t.Errorf("functions run %s on %s, want bootstrap on provided.al2023", got.Handler, got.Runtime)
	}
}

// TestCreatesQueueFitsItsWriter holds what AWS asks of a queue that a function
// reads, that retries outlast hours of throttling but end well before SQS
// deletes a create, and that the alarm rings before either.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
func TestCreatesQueueFitsItsWriter(t *testing.T) {
	stack := readTemplate(t)
	var writer function
	var creates, deadLetters queue
	var mapping struct {
		Window int `yaml:"MaximumBatchingWindowInSeconds"`
	}
	var oldest struct {
		Threshold         int `yaml:"Threshold"`
		Period            int `yaml:"Period"`
		EvaluationPeriods int `yaml:"EvaluationPeriods"`
	}
	stack.read(t, "WriterFunction", &writer)
	stack.read(t, "WriterMapping", &mapping)
	stack.read(t, "CreatesQueue", &creates)
	stack.read(t, "CreatesDeadLettersQueue", &deadLetters)
	stack.read(t, "OldestCreateAlarm", &oldest)

	if least := 6*writer.Timeout + mapping.Window; writer.Timeout == 0 || creates.VisibilityTimeout < least {
		t.Errorf("VisibilityTimeout is %d s, want %d s or more", creates.VisibilityTimeout, least)
	}
	receives := creates.RedrivePolicy.MaxReceiveCount
	if receives != sqs.MaxReceives {
		t.Errorf("maxReceiveCount is %d, want %d", receives, sqs.MaxReceives)
	}
	retried := receives * creates.VisibilityTimeout
	if shortest, longest := 12*60*60, creates.MessageRetentionPeriod/4; retried < shortest || retried > longest {
		t.Errorf("creates are retried for %d s, want %d to %d s", retried, shortest, longest)
	}
	oneRetry, thirdReceive := creates.VisibilityTimeout+writer.Timeout, 2*creates.VisibilityTimeout
	if oldest.Threshold <= oneRetry || oldest.Threshold+oldest.Period*oldest.EvaluationPeriods > thirdReceive {
		t.Errorf("OldestCreateAlarm rings at %d s after %d times %d s, want it between %d and %d s",
			oldest.Threshold, oldest.EvaluationPeriods, oldest.Period, oneRetry, thirdReceive)
	}
	// A dead letter's age counts from when it was first sent.
	if creates.MessageRetentionPeriod >= deadLetters.MessageRetentionPeriod {
		t.Errorf("creates are kept %d s, want less than their dead letters, %d s",
			creates.MessageRetentionPeriod, deadLetters.MessageRetentionPeriod)
	}
}

// TestIndexerRetriesUntilRecordsAreOld holds that nothing but the age of a change
// ends its retries, hours after it was made and hours before the stream forgets
// it.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
func TestIndexerRetriesUntilRecordsAreOld(t *testing.T) {
	const unlimited, streamRetention = -1, 24 * 60 * 60
	var mapping struct {
		Age      int `yaml:"MaximumRecordAgeInSeconds"`
		Attempts int `yaml:"MaximumRetryAttempts"`
	}
	readTemplate(t).read(t, "IndexerMapping", &mapping)
	if mapping.Attempts != unlimited {
		t.Errorf("MaximumRetryAttempts is %d, want %d", mapping.Attempts, unlimited)
	}
	if shortest, longest := streamRetention/4, streamRetention/2; mapping.Age < shortest || mapping.Age > longest {
		t.Errorf("MaximumRecordAgeInSeconds is %d, want %d to %d", mapping.Age, shortest, longest)
	}
}

// TestDataOutlivesTheStack holds that CloudFormation deletes no table and no
// queue: not with the stack, not when an update removes it from the template,
// and not when an update replaces it. Only a stack whose creation fails takes
// its own, which are empty, along.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html
func TestDataOutlivesTheStack(t *testing.T) {
	kept := map[string]int{"AWS::DynamoDB::Table": 0, "AWS::SQS::Queue": 0}
	for name, resource := range readTemplate(t).Resources {
		if _, ok := kept[resource.Type]; !ok {
			continue
		}
		kept[resource.Type]++
		if got := resource.DeletionPolicy; got != "RetainExceptOnCreate" {
			t.Errorf("DeletionPolicy of %s is %q, want RetainExceptOnCreate", name, got)
		}
		if got := resource.UpdateReplacePolicy; got != "Retain" {
			t.Errorf("UpdateReplacePolicy of %s is %q, want Retain", name, got)
		}
	}
	for kind, n := range kept {
		if n == 0 {
			t.Errorf("template.yaml has no %s", kind)
		}
	}
}

func readTemplate(t *testing.T) template {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var stack template
	if err := yaml.Unmarshal(text, &stack); err != nil {
		t.Fatalf("read template.yaml: %v", err)
	}
	return stack
}

func (s template) functions(t *testing.T) []function {
	t.Helper()
	var all []function
	for name, resource := range s.Resources {
		if resource.Type == "AWS::Serverless::Function" {
			var f function
			s.read(t, name, &f)
			all = append(all, f)
		}
	}
	return all
}

func (s template) read(t *testing.T, name string, properties any) {
	t.Helper()
	resource, ok := s.Resources[name]
	if !ok {
		t.Fatalf("template.yaml has no %s", name)
	}
	if err := resource.Properties.Decode(properties); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
}

// folders returns the names of the functions by their folders.
func folders(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Dir(p))
	}
	slices.Sort(names)
	return names
}

// TestNothingIsExposedWithoutACredential holds that the functions that create
// and list apps get the generated key, and that no parameter turns that off.
func TestNothingIsExposedWithoutACredential(t *testing.T) {
	stack := readTemplate(t)
	admin := map[string]bool{"create-app": true, "list-apps": true}
	for _, f := range stack.functions(t) {
		key, has := f.Environment.Variables["CHATAPI_ADMIN_KEY"]
		if has != admin[f.name()] {
			t.Errorf("%s has the admin key: %t", f.name(), has)
		}
		for _, value := range key.Content { // of !If
			if value.Tag == "!Sub" && !strings.HasPrefix(value.Value, "{{resolve:secretsmanager:${AdminKey}") {
				t.Errorf("%s gets %q as the admin key", f.name(), value.Value)
			}
		}
	}
}
