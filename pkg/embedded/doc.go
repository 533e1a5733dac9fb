// Package embedded is the ports of package chat in one process and one data
// folder, for one machine without AWS: rows, numbers, queue and stream in one
// bbolt file, search in a bleve index beside it.
//
//	data/chatapi.json   what this folder is, and the format of what is in it
//	data/rows.db        bbolt: apps, chats, messages, counters, readers, keys, creates, changes, dead_letters
//	data/creates/       log of creates that are not stored yet
//	data/search/        bleve
//	data/rebuild/       a new search index, while Rebuild builds it
//
// A create is appended to the log; every other write goes through one
// committer. Both write whatever is waiting together, so that many requests
// share one fsync and none waits for a lock while the disk writes, and creates
// do not wait for the transactions that store and index them. A method that
// writes returns once its write is durable.
package embedded
