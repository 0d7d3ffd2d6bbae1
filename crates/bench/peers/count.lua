-- Events in the log, moves by the log, moves by the entities' revisions; of each event all ten
-- verdicts.
local events, moved, from = 0, 0, '-'
repeat
  local records = redis.call('XRANGE', 'log', from, '+', 'COUNT', 1000)
  for _, record in ipairs(records) do
    local values = {}
    for i = 1, #record[2], 2 do
      values[record[2][i]] = record[2][i + 1]
    end
    if #values.verdicts == 10 then
      events = events + 1
    end
    if values.from ~= values.to then
      moved = moved + 1
    end
    from = '(' .. record[1]
  end
until #records == 0
local revisions = 0
for i = 0, ARGV[1] - 1 do
  revisions = revisions + redis.call('HGET', string.format('entity:deal/%012d', i), 'revision') - 1
end
return {events, moved, revisions}
