/* reading.h - the element that put.c and take.cpp share: what a sensor said. */
#ifndef READING_H
#define READING_H

#include <stdint.h>

struct reading {
    uint64_t sensor;
    double value;
};

/* "READING1"; change both when the members change */
#define READING_TAG UINT64_C(0x52454144494e4731)
#define READING_FORMAT "u64,f64"

#endif
