#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sandmill.h>

/* Fails the record as C says it. */
static void fail(sm_out *out, const char *name) { sm_failf(out, "%s: %s", name, strerror(errno)); }

static void sleep_a_little(sm_out *out) {
    struct timespec before, after, pause = {.tv_nsec = 20000000};
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long long passed = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
    sm_emit(out, passed >= 20000000 ? "true" : "false");
}

static void read_file(const char *name, sm_out *out) {
    char text[64] = {0};
    FILE *file = fopen(name, "r");
    if (!file) return fail(out, name);
    if (!fgets(text, sizeof text, file)) return fail(out, name);
    text[strcspn(text, "\n")] = 0;
    fclose(file);
    sm_emit(out, (const char *)text);
}

static void write_file(const char *name, const char *mode, sm_out *out) {
    FILE *file = fopen(name, mode);
    if (!file) return fail(out, name);
    if (*mode == 'w') fputs("written\n", file);
    else fprintf(file, "%05000d\n", 0);
    if (fclose(file)) return fail(out, name);
    sm_emit(out, "");
}

static void list(const char *name, sm_out *out) {
    DIR *folder = opendir(name);
    if (!folder) return fail(out, name);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    sm_emitf(out, "%d", count);
}

static void random_numbers(sm_out *out) {
    unsigned char numbers[256];
    int zeros = 0;
    if (getentropy(numbers, sizeof numbers)) return fail(out, "getentropy");
    for (size_t i = 0; i < sizeof numbers; i++) zeros += !numbers[i];
    sm_emit(out, zeros < 32 ? "true" : "false");
}

static void ask(sm_text line, sm_out *out) {
    char what[256];
    snprintf(what, sizeof what, "%.*s", SM_PRINT(line));
    char *name = strchr(what, ' ');
    if (name) *name++ = 0;
    else name = what + strlen(what);
    time_t now = time(NULL);
    if (!strcmp(what, "year")) sm_emitf(out, "%d", gmtime(&now)->tm_year + 1900);
    else if (!strcmp(what, "sleep")) sleep_a_little(out);
    else if (!strcmp(what, "env")) sm_emit(out, getenv(name) ? (const char *)getenv(name) : "");
    else if (!strcmp(what, "read")) read_file(name, out);
    else if (!strcmp(what, "write")) write_file(name, "w", out);
    else if (!strcmp(what, "append")) write_file(name, "a", out);
    else if (!strcmp(what, "list")) list(name, out);
    else if (!strcmp(what, "random")) random_numbers(out);
    else sm_emit(out, "");
}

SM_STAGE(ask)
