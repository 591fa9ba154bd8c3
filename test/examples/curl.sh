#!/bin/sh
# curl: an answer in one piece, the same as a stream, and what is left on the account.
#
#     OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=$(cat .chrysalis/key) sh test/examples/curl.sh
set -eu
model=${MODEL:-chrysalis-tiny}

# --fail-with-body: an HTTP error is printed and makes curl exit with 22.
curl -sS --fail-with-body "$OPENAI_BASE_URL/chat/completions" \
  -H "authorization: Bearer $OPENAI_API_KEY" \
  -H 'content-type: application/json' \
  -d '{"model":"'"$model"'","temperature":0,"messages":[{"role":"user","content":"What is the capital of France?"}]}'
echo

# -N: every event is printed when it comes.
curl -sSN --fail-with-body "$OPENAI_BASE_URL/chat/completions" \
  -H "authorization: Bearer $OPENAI_API_KEY" \
  -H 'content-type: application/json' \
  -d '{"model":"'"$model"'","temperature":0,"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Count from 1 to 5."}]}'

curl -sS --fail-with-body "$OPENAI_BASE_URL/account" -H "authorization: Bearer $OPENAI_API_KEY"
echo
