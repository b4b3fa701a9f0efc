//! A guest that can be told to use all that can be granted: see the verbs in `reach`.

reach::guest!(itself, clock, env, files, http, random);
