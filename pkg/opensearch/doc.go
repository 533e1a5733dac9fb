// Package opensearch implements chat.Index on OpenSearch: on a domain of Amazon
// OpenSearch Service, to which requests are signed, or on any other server.
//
// Go folds texts, OpenSearch only tokenizes them: each document has, beside the
// message's own fields, its text as chat.Fold returns it, which is the words of the
// body between single spaces. It is tokenized in three ways (index.json):
//
//	text            at the spaces: whole words, and several of them in a row
//	text.trigrams   into 3 characters, including spaces: " hello " is found by
//	                " hel" as a beginning and by "ell" as a part, as the phrase of
//	                their trigrams, so that letters scattered over the text do not
//	                match
//	text.grams      into 1 and 2 characters: what is too short for a trigram
//
// OpenSearch never parses a query, and the score of a hit is its rank and nothing
// else.
//
// A message's document is named <app token>#<chat number>#<message number> and
// routed by the app's token, so that a search reads one shard. Its external version
// is the message's version: OpenSearch refuses what is not newer. A deleted message
// stays as a document without text, because OpenSearch forgets the version of a
// deleted document after a minute (index.gc_deletes).
//
// A search is one request with two searches: how fresh the index is, then the hits,
// in order and on the same copy of the shard, so that the hits are never older than
// the result says.
//
// Documents are written and read through an alias; the index behind it can be
// replaced by another.
package opensearch
