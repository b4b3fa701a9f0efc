# One record comes in as `.`; each output is a record. docs/inline.md has what there is beside jq's own functions.
select(.orders > 0)
| {name, city: (.city | ascii_upcase), mean: (.total / .orders)}
