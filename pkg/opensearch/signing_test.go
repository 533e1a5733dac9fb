package opensearch

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestSigningService(t *testing.T) {
	for _, tt := range []struct{ name, endpoint, want string }{
		{"domain", "https://search-chat-abc123.eu-west-1.es.amazonaws.com", "es"},
		{"domain in a VPC", "https://vpc-chat-abc123.eu-west-1.es.amazonaws.com:443", "es"},
		{"domain in China", "https://search-chat.cn-north-1.es.amazonaws.com.cn", "es"},
		{"dual-stack domain", "https://search-chat-abc123.aos.eu-west-1.on.aws", "es"},
		{"capitals", "https://SEARCH-CHAT.EU-WEST-1.ES.AMAZONAWS.COM", "es"},
		{"serverless collection", "https://abc123.eu-west-1.aoss.amazonaws.com", "aoss"},
		{"domain without TLS", "http://search-chat.eu-west-1.es.amazonaws.com", ""},
		{"another service of AWS", "https://bucket.s3.eu-west-1.amazonaws.com", ""},
		{"a machine on AWS", "https://ec2-1-2-3-4.eu-west-1.compute.amazonaws.com", ""},
		{"a host that ends like AWS", "https://es.notamazonaws.com", ""},
		{"a host that begins like AWS", "https://search.es.amazonaws.com.example.org", ""},
		{"this machine", "http://localhost:9200", ""},
		{"an emulator", "https://localhost.localstack.cloud:4566", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(tt.endpoint)
			if err != nil {
				t.Fatal(err)
			}
			if got := signingService(u); got != tt.want {
				t.Errorf("signingService(%s) = %q, want %q", tt.endpoint, got, tt.want)
			}
		})
	}
}

func TestSignature(t *testing.T) {
	endpoint, err := url.Parse("https://search-chat.eu-west-1.es.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	cfg := aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}, nil
	})}
	sign, err := newSigner(cfg, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint.String()+"/messages/_bulk", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sign.SignRequest(r); err != nil {
		t.Fatal(err)
	}
	header := r.Header.Get("Authorization")
	if !strings.HasPrefix(header, "AWS4-HMAC-SHA256 Credential=AKID/") || !strings.Contains(header, "/eu-west-1/es/aws4_request") {
		t.Errorf("Authorization: %q", header)
	}
}
