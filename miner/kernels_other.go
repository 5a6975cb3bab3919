//go:build !amd64 && !arm64

package miner

func processorKernels() []Kernel { return nil }
