# What there is to do here. GNU make and a POSIX shell are enough.
.DEFAULT_GOAL := help

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# Pinned, and run from the module proxy: nothing has to be installed.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     = mvdan.cc/gofumpt@v0.12.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# What the tests use when it is there, as command=Debian package: further shells for the supervisor,
# ssh and an sshd to test against, node and npm for an SQS, jq for the recipes of docs/events.md, cloud-init and systemd's
# programs for the user data of EC2's machines, a compiler for the race detector.
TEST_TOOLS = ssh=openssh-client sshd=openssh-server busybox=busybox dash=dash ps=procps jq=jq cloud-init=cloud-init systemctl=systemd unshare=util-linux gcc=gcc qemu-aarch64=qemu-user node=nodejs npm=npm

# How often each fuzz target is tried: a count, so that a slow computer tests as much as a fast one.
FUZZ = 2000x

# Released for these; each carries the miners for all of them.
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

.PHONY: build
build: ## bin/gofab
	$(GO) build -trimpath -ldflags "-X github.com/gofab/gofab/internal/cli.version=$(VERSION)" -o bin/gofab .

.PHONY: test
test: deps check unit test-arm64 fuzz ## all that must pass: format, vet, tests with the race detector, fuzzing for a moment

# Only root's tests need an sshd, so nobody else gets one. What cannot be had is only named: the tests
# that need it then fail and say so, but for those with the tag sshd, which are left out. An installed
# cloud-init would run when this computer starts the next time, but for the file that disables it.
.PHONY: deps
deps: ## install what the tests use, where that can be done without a question
	@PATH=$$PATH:/usr/sbin; missing=; \
	for tool in $(TEST_TOOLS); do \
		[ "$$tool" = sshd=openssh-server ] && [ "$$(id -u)" != 0 ] && continue; \
		command -v "$${tool%%=*}" >/dev/null || missing="$$missing $${tool#*=}"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then as=; else as='sudo -n'; fi; \
	if command -v apt-get >/dev/null && $$as true 2>/dev/null; then \
		echo "installing$$missing"; \
		case "$$missing " in *' cloud-init '*) $$as install -D /dev/null /etc/cloud/cloud-init.disabled;; esac; \
		$$as apt-get -qq update && $$as env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y $$missing >/dev/null && exit 0; \
	fi; \
	echo "not installed, so some tests will fail or be left out:$$missing"

.PHONY: check
check: ## gofmt, go vet, and whether generated files are current
	@files=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not as gofmt has it:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags sshd,peers ./...
	cd miner/gen && $(GO) vet . && $(GO) test .

.PHONY: generate
generate: ## write the miner's assembly anew
	$(GO) generate ./miner

# The tag sshd adds the tests against OpenSSH's server, which needs root to let others log in.
.PHONY: unit
unit: ## the tests, against OpenSSH's sshd too where that is possible
	@tags=; race=-race; \
	if [ "$$(id -u)" != 0 ]; then echo "not root: without the tests against OpenSSH's sshd"; \
	elif ! PATH=$$PATH:/usr/sbin command -v sshd >/dev/null; then echo "no sshd: without the tests against it"; \
	else tags='-tags sshd'; fi; \
	if [ "$$($(GO) env CGO_ENABLED)" != 1 ]; then echo "no C compiler: without the race detector"; race=; fi; \
	set -x; $(GO) test $$race $$tags -timeout 12m ./...

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZ times
	@grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file" | while read -r target; do \
			echo "$$target ($$(dirname "$$file"))"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) "./$$(dirname "$$file")" </dev/null || exit 1; \
		done || exit 1; \
	done

.PHONY: bench
bench: ## the benchmarks, and what has moved beyond noise since bench/ratios.tsv was recorded
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) test -tags peers -count=1 -v -run TestRatios ./bench -args -rounds 15

.PHONY: bench-record
bench-record: ## record bench/ratios.tsv anew
	$(GO) test -tags peers -count=1 -v -run TestRatios ./bench -args -rounds 15 -record

# Peers that are not installed are left out. Debian has them: openssh-client openssh-server ansible-core fabric pssh clustershell.
.PHONY: bench-peers
bench-peers: ## gofab against its peers, on 8 and 64 sshds of this computer (as root)
	$(GO) test -tags peers -count=1 -v -timeout 2h -run TestPeers ./bench

.PHONY: bench-miner
bench-miner: ## the ways to search against each other on this computer
	$(GO) run ./bench/miner

.PHONY: test-arm64
test-arm64: ## the miner's arm64 kernel in an emulator (Debian: qemu-user)
	@if command -v qemu-aarch64 >/dev/null; then set -x; GOARCH=arm64 CGO_ENABLED=0 $(GO) test -exec qemu-aarch64 -run 'Kernel|SelfTest|Truth/sha2' ./miner; \
	else echo 'no qemu-aarch64: without the test of the arm64 kernel'; fi

.PHONY: lint
lint: ## staticcheck, gofumpt, and golangci-lint where it is installed
	$(GO) run $(STATICCHECK) -tags sshd,peers ./...
	@files=$$($(GO) run $(GOFUMPT) -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not as gofumpt has it:"; echo "$$files"; exit 1; fi
	@if command -v golangci-lint >/dev/null; then set -x; golangci-lint run; else echo "golangci-lint is not installed: left out"; fi

# Apart from lint: it asks vuln.go.dev, and what it answers changes without a change here.
.PHONY: vuln
vuln: ## known vulnerabilities in what we use (needs the network)
	$(GO) run $(GOVULNCHECK) ./...

# The miners first: the tag release puts them into gofab, so that it needs no Go where it runs.
.PHONY: release
release: ## dist/: gofab for every platform, with all miners in it
	rm -rf dist internal/payload/bin
	mkdir -p dist internal/payload/bin
	@set -e; for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/} miner=internal/payload/bin/miner-$${platform%/*}-$${platform#*/}; \
		echo "$$miner.gz"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -buildvcs=false -ldflags '-s -w' -o $$miner ./cmd/miner; \
		gzip -9n $$miner; \
	done; \
	for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/} out=dist/gofab-$${platform%/*}-$${platform#*/}; \
		echo "$$out"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -tags release -trimpath \
			-ldflags '-s -w -X github.com/gofab/gofab/internal/cli.version=$(VERSION)' -o $$out .; \
	done
	cp LICENSE README.md CHANGELOG.md dist/
	cd dist && sha256sum gofab-* >SHA256SUMS

.PHONY: clean
clean: ## remove what the other targets have made
	rm -rf bin dist internal/payload/bin
