// One record in, one record out: makes every line upper case. Change the function, keep the rest.
#include <sandmill.hpp>

static std::string shout(std::string_view line) {
    std::string loud(line);
    for (char &c : loud) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return loud;
}

SANDMILL_STAGE(shout)
