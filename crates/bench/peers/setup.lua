-- The pipeline, its triggers and so many entities: as in Pawl's bench.
redis.call('HSET', 'stages:sales', 'new', 1, 'offer', 2, 'agreed', 3, 'won', 4)
for _, type in ipairs({'load.moving', 'campaign.viewed'}) do
  for i = 0, 9 do
    local stage, position, back = 'new', 1, 0
    if type == 'load.moving' and i < 2 then
      stage, position, back = i == 0 and 'offer' or 'agreed', i + 2, 1
    end
    redis.call('RPUSH', 'triggers:sales:' .. type, type .. '-' .. i, stage, position, back)
  end
end
for i = 0, ARGV[1] - 1 do
  redis.call('HSET', string.format('entity:deal/%012d', i), 'pipeline', 'sales', 'stage', 'offer',
    'revision', 1, 'name', 'Deal ' .. i, 'responsible', 'user/7')
end
