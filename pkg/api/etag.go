package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Entity tags (RFC 9110, section 8.8.3) name the state in which a client has
// seen a resource. A message's is its version. An app's and a chat's also have
// the count, which changes without an edit: "<version>.<count>". An edit
// compares versions alone, because a new message is not a reason to refuse a
// title.

func etagOf(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

func etagWithCount(version, count int64) string {
	return `"` + strconv.FormatInt(version, 10) + "." + strconv.FormatInt(count, 10) + `"`
}

// IfMatch is the precondition of a request that changes something.
type IfMatch struct {
	IfMatch string `header:"If-Match" doc:"Change it only if it still has the version of this ETag; * for any version" example:"\"1\""`
}

// maxTags is how many entity tags a precondition may list.
const maxTags = 20

type entityTag struct {
	weak   bool
	opaque string // with its quotes
}

// entityTags reads a list of entity tags, which may contain commas. ok is
// false if the text is anything else.
func entityTags(text string) (tags []entityTag, ok bool) {
	for text = strings.TrimSpace(text); text != ""; {
		quoted, weak := strings.CutPrefix(text, "W/")
		inside, rest, closed := strings.Cut(strings.TrimPrefix(quoted, `"`), `"`)
		rest = strings.TrimLeft(rest, " \t")
		if !closed || quoted[0] != '"' || strings.ContainsFunc(inside, isSpaceOrControl) || (rest != "" && rest[0] != ',') {
			return nil, false
		}
		tags = append(tags, entityTag{weak: weak, opaque: `"` + inside + `"`})
		text = strings.TrimLeft(rest, ", \t")
	}
	return tags, true
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f }

// version returns the version that a tag of ours names.
func (t entityTag) version() (int64, bool) {
	version, count, counted := strings.Cut(strings.Trim(t.opaque, `"`), ".")
	n, err := strconv.ParseUint(version, 10, 63)
	if err == nil && counted {
		_, err = strconv.ParseUint(count, 10, 63)
	}
	return int64(n), err == nil
}

// versions returns the versions that the precondition allows. Weak tags, and
// those of something else, allow none.
func (in IfMatch) versions() (chat.Versions, error) {
	text := strings.TrimSpace(in.IfMatch)
	if text == "" || text == "*" {
		return nil, nil
	}
	tags, ok := entityTags(text)
	if !ok || len(tags) > maxTags {
		return nil, &chat.InvalidError{Fields: []chat.FieldError{
			{Field: "If-Match", Message: `must be * or up to 20 entity tags, such as "1", as an ETag header gave them`},
		}}
	}
	allowed := chat.Versions{}
	for _, tag := range tags {
		if version, ok := tag.version(); ok && !tag.weak {
			allowed = append(allowed, version)
		}
	}
	return allowed, nil
}

// IfNoneMatch is the precondition of a read.
type IfNoneMatch struct {
	IfNoneMatch string `header:"If-None-Match" doc:"Respond with 304 if the resource still has this ETag" example:"\"1\""`
}

// describeNotModified adds the response to a read whose precondition is met.
func describeNotModified(o *huma.Operation) {
	o.Responses["304"] = &huma.Response{
		Description: "The resource still has the ETag of If-None-Match",
		Headers:     map[string]*huma.Param{"ETag": o.Responses["200"].Headers["ETag"]},
	}
}

// status returns 304 if the client has the state that the entity tag names,
// else 200. Whether a tag is weak makes no difference here (RFC 9110, section
// 13.1.2).
func (in IfNoneMatch) status(etag string) int {
	if strings.TrimSpace(in.IfNoneMatch) == "*" {
		return http.StatusNotModified
	}
	tags, _ := entityTags(in.IfNoneMatch)
	if slices.ContainsFunc(tags, func(t entityTag) bool { return t.opaque == etag }) {
		return http.StatusNotModified
	}
	return http.StatusOK
}
