-- wrk's script: asks for the files of a directory in turn. Its argument is their count; names are `00000.txt` and on.
local requests = {}
local at = 0

function init(args)
   for number = 0, tonumber(args[1]) - 1 do
      requests[number] = wrk.format("GET", string.format("%s/%05d.txt", wrk.path, number))
   end
end

function request()
   at = (at + 1) % (#requests + 1)
   return requests[at]
end
