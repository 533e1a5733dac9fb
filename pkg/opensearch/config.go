package opensearch

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// The environment variables that ConfigFromEnv reads.
const (
	endpointVariable = "OPENSEARCH_ENDPOINT"
	indexVariable    = "OPENSEARCH_INDEX"
)

// DefaultIndex is the alias if Config names none.
const DefaultIndex = "messages"

// Config says where the index is.
type Config struct {
	Endpoint string // URL of the server; may contain a user and a password
	Index    string // alias that documents are written and read through; "" is DefaultIndex
}

// ConfigFromEnv returns the endpoint in OPENSEARCH_ENDPOINT, which must be set, and
// the index in OPENSEARCH_INDEX.
func ConfigFromEnv() (Config, error) {
	c := Config{Endpoint: os.Getenv(endpointVariable), Index: os.Getenv(indexVariable)}
	if c.Endpoint == "" {
		return Config{}, errors.New(endpointVariable + " is not set")
	}
	return c, nil
}

// maxIndexName is the maximum length of an alias in characters: that of OpenSearch,
// less what the names of the indexes behind it add.
const maxIndexName = 201

// isIndexName reports whether an alias can have this name: OpenSearch's rules, less
// the characters that have to be escaped in a path.
func isIndexName(name string) bool {
	const lettersAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	return name != "" && len(name) <= maxIndexName &&
		strings.IndexByte(lettersAndDigits, name[0]) >= 0 &&
		strings.Trim(name, lettersAndDigits+"._-") == ""
}

func (c Config) index() (string, error) {
	if c.Index == "" {
		return DefaultIndex, nil
	}
	if !isIndexName(c.Index) {
		return "", fmt.Errorf("invalid index %q: want 1 to %d of a-z, 0-9, '.', '_' and '-', first a letter or digit",
			c.Index, maxIndexName)
	}
	return c.Index, nil
}

// endpoint parses the endpoint. Its errors do not repeat it, because it may contain
// a password.
func (c Config) endpoint() (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(c.Endpoint, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("invalid endpoint: want an http or https URL")
	}
	return u, nil
}

// signingService returns the service name with which requests to an endpoint are
// signed: "es" for a domain, "aoss" for a serverless collection, "" if they are not
// signed. Only requests to hosts of AWS over TLS are.
//
// https://docs.aws.amazon.com/opensearch-service/latest/developerguide/request-signing.html
func signingService(endpoint *url.URL) string {
	if endpoint.Scheme != "https" {
		return ""
	}
	host := strings.ToLower(endpoint.Hostname())
	owner := slices.IndexFunc(awsHosts, func(suffix string) bool { return strings.HasSuffix(host, suffix) })
	if owner < 0 {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(host, awsHosts[owner]), ".")
	switch {
	case slices.Contains(labels, "aoss"):
		return "aoss"
	case slices.Contains(labels, "es"), slices.Contains(labels, "aos"): // aos: dual-stack endpoints
		return "es"
	default:
		return ""
	}
}

// awsHosts are the suffixes of AWS's host names, in its partitions.
var awsHosts = []string{".amazonaws.com", ".amazonaws.com.cn", ".on.aws"}
