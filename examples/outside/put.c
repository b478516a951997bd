/* put.c - in C: appends a reading for each argument. The first one to come creates the segment. */
#include "reading.h"

#include <inttypes.h>
#include <lfvec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put(lfvec_t *v, uint64_t sensor, double value)
{
    const struct reading r = {.sensor = sensor, .value = value};
    uint64_t index;
    const int err = lfvec_push_sized(v, &r, sizeof r, &index);
    if (err)
        fprintf(stderr, "%s: %s\n", lfvec_name(v), strerror(-err));
    else
        printf("%s[%" PRIu64 "] = %g\n", lfvec_name(v), index, value);
    return err;
}

int main(int argc, char **argv)
{
    struct lfvec_attr attr;
    int err = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: %s /NAME VALUE...\n", argv[0]);
        return 2;
    }
    lfvec_attr_init(&attr);
    attr.elem_size = sizeof(struct reading);
    attr.elem_tag = READING_TAG;
    strcpy(attr.elem_format, READING_FORMAT);
    lfvec_t *v = lfvec_open(argv[1], LFVEC_CREATE, &attr);
    if (!v) {
        fprintf(stderr, "%s\n", lfvec_last_error());
        return 1;
    }
    for (int i = 2; i < argc && !err; i++)
        err = put(v, (uint64_t)i - 1, strtod(argv[i], NULL));
    lfvec_detach(v);
    return err ? 1 : 0;
}
