#!/bin/sh
# Downloads the libraries that the playground embeds from npm, in exactly these versions. If
# `git status` shows no change afterwards, the committed files are the published ones.
set -eu
cd "$(dirname "$0")/playground/lib"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# fetch PACKAGE FILE... copies files of a published package into this directory.
fetch() {
	archive=$tmp/$(npm pack --silent --pack-destination "$tmp" "$1")
	shift
	for file; do
		tar -xzOf "$archive" "package/$file" >"${file##*/}"
	done
}

fetch react@18.3.1 umd/react.production.min.js
fetch react-dom@18.3.1 umd/react-dom.production.min.js
fetch graphiql@4.1.2 graphiql.min.js graphiql.min.css
fetch graphql-ws@6.4.2 umd/graphql-ws.min.js
