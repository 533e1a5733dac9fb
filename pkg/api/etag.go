package api

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Entity tags (RFC 9110, section 8.8.3) name the state in which a client has
// seen a resource. A message's is its version. An app's and a chat's also have
// the count, which changes without an edit: "<version>.<count>". An edit goes
// by the version alone, because a new message is no reason to refuse a title.

func etagOf(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

func etagWithCount(version, count int64) string {
	return `"` + strconv.FormatInt(version, 10) + "." + strconv.FormatInt(count, 10) + `"`
}

// IfMatch is the precondition of a request that changes something.
type IfMatch struct {
	IfMatch string `header:"If-Match" doc:"Change it only where it is still in the version of this ETag; * for any version" example:"\"1\""`
}

// maxTags is how many entity tags a precondition may list.
const maxTags = 20

// entityTag is a weak or strong entity tag. The version stands before the dot.
var entityTag = regexp.MustCompile(`^(W/)?"(([0-9]{1,16})(?:\.[0-9]{1,16})?|[\x21\x23-\x7e\x80-\xff]*)"$`)

// versions returns the versions that the precondition lets through. Weak tags,
// and those of something else, let nothing through.
func (in IfMatch) versions() (chat.Versions, error) {
	text := strings.TrimSpace(in.IfMatch)
	if text == "" || text == "*" {
		return nil, nil
	}
	tags := strings.Split(text, ",")
	allowed := chat.Versions{}
	for _, tag := range tags {
		parts := entityTag.FindStringSubmatch(strings.TrimSpace(tag))
		if parts == nil || len(tags) > maxTags {
			return nil, &chat.InvalidError{Fields: []chat.FieldError{
				{Field: "If-Match", Message: `must be * or up to 20 entity tags, such as "1", as an ETag header gave them`},
			}}
		}
		if version, err := strconv.ParseInt(parts[3], 10, 64); err == nil && parts[1] == "" {
			allowed = append(allowed, version)
		}
	}
	return allowed, nil
}

// IfNoneMatch is the precondition of a read.
type IfNoneMatch struct {
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 where the resource still has this ETag" example:"\"1\""`
}

// describeNotModified adds the answer of a read whose precondition is met.
func describeNotModified(o *huma.Operation) {
	o.Responses["304"] = &huma.Response{
		Description: "The resource still has the ETag of If-None-Match",
		Headers:     map[string]*huma.Param{"ETag": o.Responses["200"].Headers["ETag"]},
	}
}

// status returns 304 where the client has the state that the entity tag names,
// else 200. Whether a tag is weak makes no difference here (RFC 9110, section
// 13.1.2).
func (in IfNoneMatch) status(etag string) int {
	for tag := range strings.SplitSeq(in.IfNoneMatch, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return http.StatusNotModified
		}
	}
	return http.StatusOK
}
