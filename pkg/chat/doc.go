// Package chat is the domain: apps hold chats, chats hold messages, each
// numbered 1, 2, 3 … within its parent, and messages can be searched.
//
// It holds the types, their limits, the errors that callers distinguish, what a
// search finds and in which order, and the ports that engines implement; Ports
// lists them. It imports nothing else of this module and knows no engine.
//
// The path of a message:
//
//	Store.AllocateMessageNumber → Queue.Send → 201         (package api)
//	Receiver.Receive → writer.Write → Store.StoreMessages  (package local; Lambda)
//	Stream.Read → indexer.Index → Index.Apply              (package local; Lambda)
//	Index.Search                                           (package api)
package chat
