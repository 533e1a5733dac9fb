// Package local runs the whole service in one process: every operation of the
// API on one mux and, instead of Lambda's event source mappings, two pollers
// that pass creates to the writer and changes to the indexer.
package local
