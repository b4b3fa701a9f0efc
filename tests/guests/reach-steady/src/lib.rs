//! A guest that can be told to use what a deterministic stage can be granted: see the verbs in `reach`.

reach::guest!(itself, clock, env, files, random);
