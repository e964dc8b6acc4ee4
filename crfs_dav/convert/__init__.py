"""Images made lazily readable: their layers written anew as eStargz, stargz or zstd:chunked."""
