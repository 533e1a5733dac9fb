package chat

// Limits on what clients send. Lengths in characters count Unicode code
// points; lengths in bytes count UTF-8.
const (
	MaxName   = 200    // characters of an app's name
	MaxTitle  = 200    // characters of a chat's title
	MaxSender = 128    // characters of a message's sender
	MaxBody   = 16_384 // bytes of a message's body
	MaxReader = 128    // characters of a reader of a chat
	MaxQuery  = 256    // characters of a search query
	MaxTerms  = 64     // words and phrases of a search query
	MaxKey    = 255    // characters of an Idempotency-Key
	MinAppKey = 16     // characters of an Idempotency-Key of a create-app request

	MaxMetadata = 4_096 // bytes of the keys and values of metadata together

	MaxNumber = 1<<53 - 1 // highest number that JSON clients read exactly (RFC 8259, section 6)

	MaxHighlights = 100   // highlights of a message that a search found
	MaxWholeBody  = 2_048 // bytes of a body that is highlighted as a whole, and not in fragments

	DefaultPage = 50  // items of a page if the client names no limit
	MaxPage     = 200 // highest limit of a page
)

// TokenLength is the length of an app token in characters.
const TokenLength = 36
