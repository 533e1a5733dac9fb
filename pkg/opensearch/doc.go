// Package opensearch is the port chat.Index on OpenSearch: a domain of Amazon
// OpenSearch Service, where requests are signed, or any other server.
//
// Go folds, OpenSearch only cuts: each document has, beside the message's own
// fields, its text as chat.Fold returns it, which is the words of the body
// between single spaces. It is cut three times (index.json):
//
//	text            at the spaces: whole words, and several of them in a row
//	text.trigrams   into 3 characters, spaces among them: " hello " is found
//	                by " hel" as a beginning and by "ell" as a part, as the
//	                phrase of their trigrams, so letters scattered over the
//	                text are no match
//	text.grams      into 1 and 2 characters: what is too short for a trigram
//
// No query is ever parsed by OpenSearch, and the score of a hit is its rank
// and nothing else.
//
// A message's document is named <app token>#<chat number>#<message number> and
// routed by the app's token, so a search asks one shard. It carries the
// message's version as its external version: OpenSearch refuses what is not
// newer. A deleted message stays as a document without text, because
// OpenSearch forgets the version of a deleted document after a minute
// (index.gc_deletes).
//
// A search is one request that holds two: how fresh the index is, then the
// hits, one after the other on the same copy of the shard, so the hits are
// never older than what the answer says.
//
// Documents are written and read through an alias; the index behind it can be
// replaced by another.
package opensearch
