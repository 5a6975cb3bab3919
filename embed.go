package main

import "embed"

// minerSource is what package payload builds the miner from for machines of another kind, so that
// gofab needs no checkout of itself. A go.mod is part of it because a build needs one.
//
//go:embed go.mod go.sum cmd/miner miner
var minerSource embed.FS
