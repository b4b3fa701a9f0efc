//! A guest that can be told to give random numbers: see the verbs in `reach`.

reach::guest!(itself, random);
