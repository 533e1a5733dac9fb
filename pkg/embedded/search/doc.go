// Package search is the search index of one machine: the port chat.Index on
// scorch, the storage of bleve, in one folder.
//
// Every message is one document, named <app token>#<chat number>#<message
// number>, with these fields:
//
//	scope    <app token>, and <app token>#<chat number>
//	words    <app token> SP <word> for each distinct word of chat.Fold(body)
//	pairs    <app token> SP <word> SP <word> for neighbours of a script without spaces
//	sender   <app token> SP <sender>
//	place    chat number, message number, creation time and version
//	message  the message as JSON, stored only
//
// The app stands in front of each word, so the words of an app stand side by
// side in the dictionary, and are there once however many chats have them. A
// whole word is one look-up there, met with the messages of the chat; the
// beginning of a word is a range of it, and a part of a word a walk over the
// app's range. No grams are indexed, which is what makes indexing cheap.
//
// A search looks for whole words first, and for the rest only where they do not
// fill the page. Then it checks all messages of a small chat one by one, which
// costs less than a walk over the words of a large app. In a large one, words
// that nearly every message has are not looked up either: the page is full soon
// without. Look-ups find at least what matches; chat.Query.Rank decides.
//
// The document of a deleted message has its place and nothing to be found by:
// it stays so that an older version that arrives late is known to be old.
package search
