package chat

import (
	"fmt"
	"strconv"
	"strings"
)

// Parent is what numbers are allocated within: an app, for the numbers of its
// chats, or a chat, for the numbers of its messages. A search covers one too.
type Parent struct {
	AppToken   string
	ChatNumber int64 // 0 if the parent is the app
}

// AppParent returns the app with this token as a parent.
func AppParent(token string) Parent { return Parent{AppToken: token} }

// Parent returns the chat as a parent.
func (id ChatID) Parent() Parent { return Parent{AppToken: id.AppToken, ChatNumber: id.Number} }

// IsApp reports whether the parent is an app, and not a chat.
func (p Parent) IsApp() bool { return p.ChatNumber == 0 }

// ChatID returns the ID of a parent that is a chat.
func (p Parent) ChatID() ChatID { return ChatID{AppToken: p.AppToken, Number: p.ChatNumber} }

// String returns <app token> or <app token>#<chat number>, which is also the
// key of the parent's counter in DynamoDB.
func (p Parent) String() string {
	if p.IsApp() {
		return p.AppToken
	}
	return p.ChatID().String()
}

// ParseChatID reads what ChatID.String returns. It reports whether key has
// that form.
func ParseChatID(key string) (ChatID, bool) {
	token, digits, _ := strings.Cut(key, "#")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !validNumber(n) || !ValidToken(token) {
		return ChatID{}, false
	}
	return ChatID{AppToken: token, Number: n}, true
}

// MessageName names a message for people, without its app's token: "message 3
// of chat 1".
func MessageName(chatNumber, number int64) string {
	return fmt.Sprintf("message %d of chat %d", number, chatNumber)
}
