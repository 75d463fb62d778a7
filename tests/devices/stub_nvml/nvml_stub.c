/* A stand-in for the driver's libnvidia-ml.so.1 that answers from a script.

   The environment variable NVML_STUB_SCRIPT names a text file; each line is

       <gpu> <what> <from> <status> <value>...

   From its n-th call on (counted from 1, per GPU and thing asked for), NVML's answer for GPU number
   <gpu> is <status> with the values. The last line that fits wins; what no line fits is "not
   supported". Lines `<gpu> process <from> <pid> <bytes> <name>` add up; -1 bytes is "not
   available", as on Windows. `<gpu> uuid 1 0 <uuid>` makes the GPU exist. `0 tell <n>` writes a
   line to standard error at the n-th reading of GPU 0's memory, so that a test knows without waiting.

   Compiled with -DOLD_DRIVER it lacks the symbols that came later. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };
enum { MAX_ROWS = 512, MAX_GPUS = 8, TEXT = 96 };

typedef unsigned long long u64;
typedef struct { int gpu, status; char what[32]; u64 from; long long values[4]; char text[TEXT]; } Row;
typedef struct { unsigned version; u64 total, reserved, free, used; } Memory2;
typedef struct { u64 total, free, used; } Memory1;
typedef struct { unsigned pid; u64 used; unsigned instance, compute; } Process;

static Row rows[MAX_ROWS];
static int row_count;
static u64 memory_readings, process_lists[MAX_GPUS];
static struct { int gpu; char what[32]; u64 count; } calls[MAX_ROWS];
static int call_kinds;

static int gpu_of(void *handle) { return (int)(intptr_t)handle - 1; }

static u64 count_call(int gpu, const char *what) {
    for (int i = 0; i < call_kinds; i++)
        if (calls[i].gpu == gpu && !strcmp(calls[i].what, what)) return ++calls[i].count;
    calls[call_kinds].gpu = gpu;
    snprintf(calls[call_kinds].what, sizeof calls[0].what, "%s", what);
    return calls[call_kinds++].count = 1;
}

static Row *find(int gpu, const char *what, u64 call) {
    Row *found = NULL;
    for (int i = 0; i < row_count; i++)
        if (rows[i].gpu == gpu && !strcmp(rows[i].what, what) && rows[i].from <= call) found = &rows[i];
    return found;
}

static int ask(int gpu, const char *what, Row **answer) {
    *answer = find(gpu, what, count_call(gpu, what));
    return *answer ? (*answer)->status : NOT_SUPPORTED;
}

static int number(void *handle, const char *what, unsigned *value) {
    Row *row;
    int status = ask(gpu_of(handle), what, &row);
    if (status == SUCCESS) *value = (unsigned)row->values[0];
    return status;
}

static int text(int gpu, const char *what, char *buffer, unsigned size) {
    Row *row;
    int status = ask(gpu, what, &row);
    if (status == SUCCESS) snprintf(buffer, size, "%s", row->text);
    return status;
}

static void read_line(const char *line) {
    Row row = {0};
    int used = 0;
    if (sscanf(line, "%d %31s %llu%n", &row.gpu, row.what, &row.from, &used) < 3) return;
    line += used;
    if (!strcmp(row.what, "process")) {
        sscanf(line, "%lld %lld %95s", &row.values[0], &row.values[1], row.text);
    } else {
        sscanf(line, "%d%n", &row.status, &used);
        line += used;
        sscanf(line, "%lld %lld %lld", &row.values[0], &row.values[1], &row.values[2]);
        sscanf(line, " %95[^\n]", row.text);
    }
    if (row_count < MAX_ROWS) rows[row_count++] = row;
}

int nvmlInitWithFlags(unsigned flags) {
    char line[256];
    FILE *file = fopen(getenv("NVML_STUB_SCRIPT") ? getenv("NVML_STUB_SCRIPT") : "", "r");
    (void)flags;
    if (!file) return 9; /* driver not loaded */
    row_count = 0;
    while (fgets(line, sizeof line, file)) read_line(line);
    fclose(file);
    return SUCCESS;
}

int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int status) { (void)status; return "scripted"; }

int nvmlSystemGetDriverVersion(char *buffer, unsigned size) { return text(0, "driver", buffer, size); }

int nvmlSystemGetProcessName(unsigned pid, char *buffer, unsigned size) {
    for (int i = 0; i < row_count; i++)
        if (!strcmp(rows[i].what, "process") && rows[i].values[0] == pid && rows[i].text[0]) {
            snprintf(buffer, size, "%s", rows[i].text);
            return SUCCESS;
        }
    return NOT_FOUND;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    for (*count = 0; *count < MAX_GPUS && find((int)*count, "uuid", 1); ++*count) {}
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(intptr_t)(index + 1);
    return find((int)index, "uuid", 1) ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
    for (int gpu = 0; gpu < MAX_GPUS; gpu++) {
        Row *row = find(gpu, "uuid", 1);
        if (row && !strcmp(row->text, uuid)) {
            *handle = (void *)(intptr_t)(gpu + 1);
            return row->status;
        }
    }
    return NOT_FOUND;
}

int nvmlDeviceGetUUID(void *gpu, char *buffer, unsigned size) { return text(gpu_of(gpu), "uuid", buffer, size); }
int nvmlDeviceGetName(void *gpu, char *buffer, unsigned size) { return text(gpu_of(gpu), "name", buffer, size); }

static int memory(void *handle, Memory2 *found) {
    Row *row;
    int gpu = gpu_of(handle), status = ask(gpu, "memory", &row);
    if (gpu == 0) {
        memory_readings++;
        for (int i = 0; i < row_count; i++)
            if (!strcmp(rows[i].what, "tell") && rows[i].from == memory_readings)
                fprintf(stderr, "reading %llu\n", memory_readings);
    }
    if (status != SUCCESS) return status;
    found->total = (u64)row->values[0];
    found->reserved = (u64)row->values[1];
    found->used = (u64)row->values[2];
    found->free = found->total - found->reserved - found->used;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, Memory1 *info) {
    Memory2 found;
    int status = memory(handle, &found);
    if (status != SUCCESS) return status;
    info->total = found.total;
    info->free = found.free;
    info->used = found.used + found.reserved;
    return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetMemoryInfo_v2(void *handle, Memory2 *info) {
    return info->version == 0x02000028 ? memory(handle, info) : 25;
}
#endif

static int processes(void *handle, unsigned *count, Process *list) {
    int gpu = gpu_of(handle);
    unsigned found = 0, room = *count;
    Row *refusal = find(gpu, "processes", process_lists[gpu] += list == NULL);
    if (refusal && refusal->status != SUCCESS) return refusal->status;
    for (int i = 0; i < row_count; i++) {
        if (rows[i].gpu != gpu || strcmp(rows[i].what, "process")) continue;
        if (rows[i].from > process_lists[gpu]) continue;
        unsigned place = found;
        for (unsigned j = 0; list && j < found && j < room; j++)
            if (list[j].pid == (unsigned)rows[i].values[0]) place = j;
        if (list && place < room) {
            Process process = {(unsigned)rows[i].values[0], (u64)rows[i].values[1], 0, 0};
            list[place] = process;
        }
        if (place == found) found++;
    }
    *count = found;
    return found > (list ? room : 0) ? INSUFFICIENT_SIZE : SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v2(void *gpu, unsigned *count, Process *list) { return processes(gpu, count, list); }
#ifndef OLD_DRIVER
int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, Process *list) { return processes(gpu, count, list); }
int nvmlDeviceGetCurrentClocksEventReasons(void *gpu, u64 *reasons) {
    unsigned found = 0;
    int status = number(gpu, "events", &found);
    *reasons = found;
    return status;
}
#endif

int nvmlDeviceGetCurrentClocksThrottleReasons(void *gpu, u64 *reasons) {
    unsigned found = 0;
    int status = number(gpu, "events", &found);
    *reasons = found;
    return status;
}

int nvmlDeviceGetTemperature(void *gpu, unsigned sensor, unsigned *celsius) { (void)sensor; return number(gpu, "temperature", celsius); }
int nvmlDeviceGetClockInfo(void *gpu, unsigned kind, unsigned *mhz) { return number(gpu, kind == 1 ? "sm_clock" : "memory_clock", mhz); }
int nvmlDeviceGetMaxClockInfo(void *gpu, unsigned kind, unsigned *mhz) { (void)kind; return number(gpu, "max_clock", mhz); }
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) { return number(gpu, "power", milliwatts); }
int nvmlDeviceGetPowerManagementLimit(void *gpu, unsigned *milliwatts) { return number(gpu, "power_limit", milliwatts); }

int nvmlDeviceGetTotalEnergyConsumption(void *gpu, u64 *millijoules) {
    Row *row;
    int status = ask(gpu_of(gpu), "energy", &row);
    if (status == SUCCESS) *millijoules = (u64)row->values[0];
    return status;
}

int nvmlDeviceGetUtilizationRates(void *gpu, unsigned rates[2]) {
    rates[1] = 0;
    return number(gpu, "utilisation", &rates[0]);
}

int nvmlDeviceGetEccMode(void *gpu, unsigned *current, unsigned *pending) { *pending = 0; return number(gpu, "ecc", current); }
int nvmlDeviceGetMigMode(void *gpu, unsigned *current, unsigned *pending) { *pending = 0; return number(gpu, "mig", current); }
