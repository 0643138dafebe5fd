#!/usr/bin/env bash
# Shows the inbox and follows it live with nothing but curl, over server-sent events.
#
#   SWITCHBOARD_TOKEN=… ./watch.sh
set -u
url=${SWITCHBOARD_URL:-http://127.0.0.1:8080/graphql}
token=${SWITCHBOARD_TOKEN:?Set it to a token that the server printed.}

ask() { # BODY [OPTION…]
	curl -sN "$url" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "$@"
}

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# load shows the inbox and sets after to the place in the log at which it was read.
load() {
	answer=$(ask '{"query":"{ inbox(view: ALL, first: 5) { totalCount nodes { id contact { name } assignee { name } } asOf } }"}') || return
	case $answer in *UNAUTHENTICATED*) echo 'The token is not accepted.' >&2 && exit 1 ;; esac
	after=$(field asOf <<<"$answer")
	echo "inbox $answer"
}

# follow prints what happens after that place, and moves it on with each change.
follow() {
	body='{"query":"subscription($after: EventCursor) { inboxChanged(view: ALL, after: $after) { kind conversationId event { __typename id } cursor } }","variables":{"after":"'$after'"}}'
	while read -r line || [ -n "$line" ]; do # the last line may lack its end
		case $line in
		*CURSOR_EXPIRED*) after='' ;; # too far back: load again
		*UNAUTHENTICATED*) echo 'The token is not accepted.' >&2 && exit 1 ;;
		*'"inboxChanged"'*)
			after=$(field cursor <<<"$line")
			echo "$(field kind <<<"$line") $(field conversationId <<<"$line") $(field __typename <<<"$line") $(field id <<<"$line")"
			;;
		esac
	done < <(ask "$body" -H 'Accept: text/event-stream')
}

after=''
while :; do
	[ -n "$after" ] || load
	[ -z "$after" ] || follow
	sleep 1 # the server restarts, or is not there: resume
done
