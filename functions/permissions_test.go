package functions_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"chatapi/internal/cost"

	"gopkg.in/yaml.v3"
)

// mapping and search are why no recorded call uses a permission.
const (
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
	mapping = "Lambda's event source mapping makes these calls, with the function's role"
	search  = "the stand-in and the emulators of OpenSearch check no role"
)

// exempt are the permissions, by function, that no recorded call can use, and
// why. The logs and X-Ray are not among them because SAM itself attaches
// managed policies for those.
//
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
var exempt = map[string]map[string]string{
	"writer": {
		"sqs:ReceiveMessage CreatesQueue":     mapping,
		"sqs:DeleteMessage CreatesQueue":      mapping,
		"sqs:GetQueueAttributes CreatesQueue": mapping,
	},
	"indexer": {
		"dynamodb:DescribeStream MessagesTable.StreamArn":   mapping,
		"dynamodb:GetRecords MessagesTable.StreamArn":       mapping,
		"dynamodb:GetShardIterator MessagesTable.StreamArn": mapping,
		"dynamodb:ListStreams *":                            mapping,
		"es:ESHttpHead ${OpenSearchDomainArn}/*":            search,
		"es:ESHttpPut ${OpenSearchDomainArn}/*":             search,
		"es:ESHttpPost ${OpenSearchDomainArn}/*":            search,
	},
	"reindex": {
		"es:ESHttpHead ${OpenSearchDomainArn}/*":   search,
		"es:ESHttpGet ${OpenSearchDomainArn}/*":    search,
		"es:ESHttpPut ${OpenSearchDomainArn}/*":    search,
		"es:ESHttpPost ${OpenSearchDomainArn}/*":   search,
		"es:ESHttpDelete ${OpenSearchDomainArn}/*": search,
	},
	"verify":          {"es:ESHttpPost ${OpenSearchDomainArn}/*": search},
	"search-messages": {"es:ESHttpPost ${OpenSearchDomainArn}/*": search},
	"search-app":      {"es:ESHttpPost ${OpenSearchDomainArn}/*": search},
	"health":          {"es:ESHttpHead ${OpenSearchDomainArn}/*": search},
}

// TestPermissionsAreUsed holds that each function's role allows what the
// recorded calls of the function need (internal/cost/calls.json), and no more.
func TestPermissionsAreUsed(t *testing.T) {
	stack := readTemplate(t)
	for name, resource := range stack.Resources {
		if strings.HasPrefix(resource.Type, "AWS::IAM::") {
			t.Errorf("%s is an %s: this test reads the policies of the functions only", name, resource.Type)
		}
	}
	recorded := recordedPermissions(t)
	for _, f := range stack.functions(t) {
		allowed, err := permissions(f.Policies)
		if err != nil {
			t.Errorf("policies of %s: %v", f.name(), err)
		}
		for _, p := range allowed {
			if _, ok := exempt[f.name()][p]; !ok && !slices.Contains(recorded[f.name()], p) {
				t.Errorf("%s may %s, which no recorded call uses", f.name(), p)
			}
		}
		for _, p := range recorded[f.name()] {
			if !slices.Contains(allowed, p) {
				t.Errorf("%s may not %s, which a recorded call needs", f.name(), p)
			}
		}
		for p := range exempt[f.name()] {
			if !slices.Contains(allowed, p) || slices.Contains(recorded[f.name()], p) {
				t.Errorf("%s: %s is exempt, but is not allowed or is used by a recorded call", f.name(), p)
			}
		}
	}
}

// recordedPermissions returns what the recorded calls of each function need, as
// action and resource of the template, such as "dynamodb:GetItem AppsTable".
func recordedPermissions(t *testing.T) map[string][]string {
	t.Helper()
	calls, err := cost.Calls()
	if err != nil {
		t.Fatal(err)
	}
	resource := map[string]string{"dynamodb": "Table", "sqs": "Queue"}
	recorded := map[string][]string{}
	for _, row := range calls.Rows {
		for _, action := range row.Actions {
			service, _, _ := strings.Cut(action, ":")
			recorded[row.Operation] = append(recorded[row.Operation], action+resource[service])
		}
	}
	for name, all := range recorded {
		slices.Sort(all)
		recorded[name] = slices.Compact(all)
	}
	return recorded
}

// permissions returns what the policies of a function allow, as action and
// resource. It knows only policies that are written out in the template, each
// always there or, by !If, on a condition.
func permissions(policies []yaml.Node) (allowed []string, err error) {
	for _, node := range policies {
		if node.Tag == "!If" && len(node.Content) == 3 && node.Content[2].Value == "AWS::NoValue" {
			node = *node.Content[1]
		}
		if node.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: want a policy that is written out", node.Line)
		}
		var policy struct {
			Statement []struct {
				Effect   string    `yaml:"Effect"`
				Action   yaml.Node `yaml:"Action"`
				Resource yaml.Node `yaml:"Resource"`
			} `yaml:"Statement"`
		}
		if err := node.Decode(&policy); err != nil {
			return nil, err
		}
		for _, s := range policy.Statement {
			if s.Effect != "Allow" {
				return nil, fmt.Errorf("line %d: effect %q, want Allow", node.Line, s.Effect)
			}
			for _, action := range scalars(s.Action) {
				for _, resource := range scalars(s.Resource) {
					allowed = append(allowed, action+" "+strings.TrimSuffix(resource, ".Arn"))
				}
			}
		}
	}
	return allowed, nil
}

// scalars returns the values of a node that is one scalar or a list of them.
func scalars(node yaml.Node) (values []string) {
	if node.Kind != yaml.SequenceNode {
		return []string{node.Value}
	}
	for _, entry := range node.Content {
		values = append(values, entry.Value)
	}
	return values
}
