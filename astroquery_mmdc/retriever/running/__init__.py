"""How a project runs: fetch, analyse and commit, exactly once, in several sessions."""
