/**
 * The log of `domain/rate-limit/window-log.ts` as a list of "last moment:sum:first moment", in microseconds of the server. The
 * first element is the run that left last: its sum is what is gone. Lua's numbers are exact to 2^53, its text of them is not.
 */
const readLog = `
local function parts(entry)
  local last, sum, since = string.match(entry, '^(%d+):(%d+):(%d+)$')
  return tonumber(last), tonumber(sum), tonumber(since)
end
local function text(number) return string.format('%.0f', number) end
local function entry(last, sum, since) return text(last) .. ':' .. text(sum) .. ':' .. text(since) end
`;

/**
 * KEYS: windows, then the scope of presence if there is an actor. ARGV: window in microseconds, weight, runs a window, actor
 * or '', then limit and 1 (enforced only when shared) or 0 for each window.
 * Answer: 1 or 0, the server's moment, then for each window units used, 1 if enforced, until more is free, until the same
 * request would pass (-1: never).
 */
export const takeScript = `
${readLog}
local window, weight, runs, actor = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local count = (#ARGV - 4) / 2
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local ttl = math.ceil(window / 1000) + 1000

local shared = false
if actor ~= '' then
  local key = KEYS[count + 1]
  local sharedUntil = 0
  local known = redis.call('HMGET', key, 'actor', 'seen', 'shared')
  if known[1] then
    sharedUntil = tonumber(known[3])
    if known[1] ~= actor and now - tonumber(known[2]) < window then sharedUntil = now + window end
  end
  redis.call('HSET', key, 'actor', actor, 'seen', text(now), 'shared', text(sharedUntil))
  redis.call('PEXPIRE', key, ttl)
  shared = now < sharedUntil
end

local states, allowed = {}, true
for i = 1, count do
  local key = KEYS[i]
  local limit, whenShared = tonumber(ARGV[3 + 2 * i]), ARGV[4 + 2 * i] == '1'
  local state = { limit = limit, enforced = shared or not whenShared, used = 0, gone = 0, sum = 0 }
  local tail = redis.call('LINDEX', key, -1)
  if tail then
    local last = parts(tail)
    if last - now >= window then
      -- The server's clock was set back by more than the log is long: it cannot be read any more.
      redis.call('DEL', key)
      tail = false
    elseif last > now then
      now = last
    end
  end
  states[i] = state
end
for i = 1, count do
  local key, state = KEYS[i], states[i]
  while true do
    local first = redis.call('LRANGE', key, 0, 1)
    if #first < 2 then
      if #first == 1 then redis.call('DEL', key) end
      break
    end
    local last = parts(first[2])
    if now - last < window then
      local _, gone = parts(first[1])
      state.gone, state.oldest = gone, last
      state.last, state.sum, state.since = parts(redis.call('LINDEX', key, -1))
      state.used = state.sum - gone
      break
    end
    redis.call('LPOP', key)
  end
  if state.enforced and state.used + weight > state.limit then allowed = false end
end

local answer = { allowed and 1 or 0, text(now) }
for i = 1, count do
  local key, state = KEYS[i], states[i]
  local wait = 0
  if allowed then
    if not state.oldest then
      redis.call('RPUSH', key, entry(0, 0, 0), entry(now, weight, now))
      state.oldest = now
    else
      local _, before = parts(redis.call('LINDEX', key, -2))
      if state.sum - before + weight <= math.floor(state.limit / runs) and now - state.since <= window / runs then
        redis.call('LSET', key, -1, entry(now, state.sum + weight, state.since))
        if state.oldest == state.last and redis.call('LLEN', key) == 2 then state.oldest = now end
      else
        redis.call('RPUSH', key, entry(now, state.sum + weight, now))
      end
    end
    redis.call('PEXPIRE', key, ttl)
    state.used = state.used + weight
  elseif weight > state.limit then
    wait = -1
  else
    local units = state.used + weight - state.limit
    local at = 0
    while units > 0 do
      at = at + 1
      local run = redis.call('LINDEX', key, at)
      if not run then break end
      local last, sum = parts(run)
      if sum - state.gone >= units then
        wait = math.max(0, last + window - now)
        break
      end
    end
  end
  answer[#answer + 1] = text(state.used)
  answer[#answer + 1] = state.enforced and 1 or 0
  answer[#answer + 1] = text(state.oldest and math.max(0, state.oldest + window - now) or window)
  answer[#answer + 1] = text(wait)
end
return answer
`;

/** KEYS: windows. ARGV: weight, the moment at which it was taken. As `takeFromLog`: of runs of one moment the older give first. */
export const giveBackScript = `
${readLog}
local weight, at = tonumber(ARGV[1]), tonumber(ARGV[2])
for _, key in ipairs(KEYS) do
  local length = redis.call('LLEN', key)
  local run = length
  local before = 0
  while run > 1 do
    local last, sum = parts(redis.call('LINDEX', key, run - 1))
    if last < at then
      before = sum
      break
    end
    run = run - 1
  end
  if run == 1 and length > 0 then
    local _, gone = parts(redis.call('LINDEX', key, 0))
    before = gone
  end
  local taken, mayHold = 0, true
  while run >= 1 and run < length do
    local last, sum, since = parts(redis.call('LINDEX', key, run))
    if mayHold then taken = taken + math.min(weight - taken, sum - before) end
    before = sum
    redis.call('LSET', key, run, entry(last, sum - taken, since))
    mayHold = taken < weight and last == at
    run = run + 1
  end
end
return 1
`;
