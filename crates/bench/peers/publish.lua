-- One event, from notice to log: what `PublishEvent` does in Pawl's bench. All of it is one step, as
-- every script is.
local source, id, number, actor, subject, attributes = unpack(ARGV)

-- redis-benchmark gives every call the same words but for numbers, so the type follows from one.
local type = tonumber(number) % 5 == 0 and 'load.moving' or 'campaign.viewed'

local entity = 'entity:' .. subject
local row = redis.call('HMGET', entity, 'pipeline', 'stage', 'revision')
local pipeline, stage, revision = row[1], row[2], row[3]
if not pipeline then
  return redis.error_reply('unknown entity ' .. subject)
end
-- From here on nothing fails: what a script has done before it fails stays done.
if not redis.call('SET', 'seen:' .. source .. '/' .. id, 1, 'NX') then
  return 'duplicate'
end
local position = tonumber(redis.call('HGET', 'stages:' .. pipeline, stage))

-- Four values for each trigger, those that are to be preferred first.
local triggers = redis.call('LRANGE', 'triggers:' .. pipeline .. ':' .. type, 0, -1)
local verdicts, to, by = {}, false, ''
for i = 1, #triggers, 4 do
  local verdict
  if triggers[i + 1] == stage then
    verdict = 'h' -- here already
  elseif triggers[i + 3] == '0' and tonumber(triggers[i + 2]) < position then
    verdict = 'b' -- back, which it may not
  elseif to then
    verdict = 'n' -- not chosen
  else
    verdict, by, to = 'm', triggers[i], triggers[i + 1] -- moves
  end
  verdicts[#verdicts + 1] = verdict
end

redis.call('XADD', 'log', '*', 'source', source, 'id', id, 'type', type, 'actor', actor,
  'subject', subject, 'attributes', attributes, 'from', stage, 'to', to or stage, 'by', by,
  'verdicts', table.concat(verdicts))
if not to then
  return 'stayed'
end
redis.call('HSET', entity, 'stage', to, 'revision', revision + 1)
redis.call('PUBLISH', 'moves', subject .. ' ' .. stage .. ' ' .. to .. ' ' .. by)
return 'moved'
