#!/usr/bin/env bash
# The cross-account demo: starts a busd of its own in a temporary directory, puts events into work's bus, and shows what arrived where. Everything it
# started is ended again. Usage: examples/cross-account/demo.sh [BUILD-DIRECTORY]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build/release}" && pwd)
dir=$(mktemp -d)
pids=()

finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap finish EXIT

say() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# Runs a command until it succeeds: at most ten seconds.
until_true() {
  local what=$1; shift
  for _ in $(seq 100); do "$@" && return 0; read -rt 0.1 <> <(:) || true; done
  fail "$what did not happen within ten seconds; the daemon's log: $(tail -n 20 "$dir/busd.log")"
}
as() { local profile=$1; shift; "$bin/busctl" --endpoint "$endpoint" --profile "$profile" "$@"; }
lines() { [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
in_queue() { [ "$(as "$1" --output json get-queue-attributes --queue-url "$2" --attribute-names All | jq -r .Attributes.ApproximateNumberOfMessages)" -ge "$3" ]; }

start_busd() {
  : >"$dir/ready"
  "$bin/busd" --data "$dir/data" --http 127.0.0.1:0 --rules "$dir/rules" --smtp-url "smtp://$smtp" "$@" >"$dir/ready" 2>>"$dir/busd.log" &
  busd=$!
  pids+=("$busd")
  until_true "busd's start" grep -q '^ready' "$dir/ready"
  endpoint=$(sed -n 's/.* listen=\([^ ]*\).*/\1/p' "$dir/ready")
}

cp -r "$here" "$dir/rules"
export AWS_SHARED_CREDENTIALS_FILE=$dir/rules/credentials

say "1. A mail server that keeps what it gets, and busd with three accounts from rule files"
"$bin/smtp_sink" --port 0 --out "$dir/mail.jsonl" >"$dir/smtp" &
pids+=($!)
until_true "the mail server's start" grep -q '^ready' "$dir/smtp"
smtp=$(awk '{print $2}' "$dir/smtp")
start_busd
cat "$dir/ready"

say "2. A program linked with libbus puts 30 EC2 events into work's bus; busctl puts two more"
AWS_PROFILE=work BUS_ENDPOINT=$endpoint "$bin/producer" 30
as work put-events --entries "file://$here/entries.json"

say "3. What arrived in the personal account (20 running or stopped from the producer, one from busctl)"
until_true "delivery to the function" lines "$dir/rules/received.jsonl" 21
until_true "mail" lines "$dir/mail.jsonl" 21
echo "function: $(wc -l <"$dir/rules/received.jsonl") events; the first:"
head -n 1 "$dir/rules/received.jsonl" | jq -c '{account, resources, detail}'
as personal --output json get-records --stream-name ec2-events --from trim-horizon >"$dir/stream.jsonl"
echo "stream:   $(wc -l <"$dir/stream.jsonl") records"
in_queue personal inbox 21 || fail "the topic's queue has too few messages"
echo "queue:    21 messages; one of them:"
as personal --output json receive-message --queue-url inbox | jq -r '.Messages[0].Body' | jq -c '{Type, TopicArn, Message}'
echo "mail:     $(wc -l <"$dir/mail.jsonl") messages; the first:"
mail=$(head -n 1 "$dir/mail.jsonl" | jq -r .data | tr -d '\r')
grep -E '^(From|To|Subject):' <<<"$mail"
sed '1,/^$/d' <<<"$mail" | base64 -d

say "4. What personal sends on to a third account is refused: an event crosses one bus"
until_true "dead letters" in_queue personal undeliverable 21
as personal --output json receive-message --queue-url undeliverable --message-attribute-names All |
  jq -c '.Messages[0].MessageAttributes | map_values(.StringValue) | {ERROR_CODE, ERROR_MESSAGE, RULE_ARN}'
"$bin/busctl" --data "$dir/data" --output json describe-daemon | jq -c '.Counters | {HopsRefusedByLimit, InvocationsSentToDLQ}'
grep -m 1 'msg="hop refused"' "$dir/busd.log"
in_queue third inbox 0 && echo "third account's queue: $(as third --output json get-queue-attributes --queue-url inbox --attribute-names All | jq -r .Attributes.ApproximateNumberOfMessages) messages"

say "5. With a hop limit of two it is delivered"
kill -TERM "$busd"; wait "$busd"
start_busd --hop-limit 2
as work put-events --entries "file://$here/entries.json" >/dev/null
until_true "delivery to the third account" in_queue third inbox 1
as third --output json receive-message --queue-url inbox | jq -r '.Messages[0].Body' | jq -c '{account, resources, detail}'

say "6. An account without permission"
if as outsider put-events --entries \
  '[{"Source":"aws.ec2","DetailType":"x","Detail":"{}","EventBusName":"arn:aws:events:us-east-1:444455556666:event-bus/default"}]'; then
  fail "the outsider was let in"
fi
say "The demo is over; everything it started is ended."
