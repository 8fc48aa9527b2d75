/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mini driver for the whole model: a fake bus with memory, interrupts and
 * time, and the steps that mlx4_core takes to bring a device up, all through
 * its registers.
 */
#ifndef XENIB_TEST_DRIVER_H
#define XENIB_TEST_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device.h"

#define MEM_BASE      0x40000000ull            /* bus address of the first octet */
#define MEM_SIZE      (24u << 20)
#define LOW_SIZE      8192u                    /* memory at address 0, if any */
#define ICM_SIZE      (4u << 20)
#define NODE_GUID     0x0002c90300abc000ull

/* Where the mini driver puts the tables in ICM, and how large they are */
#define QPC_BASE      0x000000u
#define MTT_BASE      0x100000u
#define DMPT_BASE     0x200000u
#define MC_BASE       0x300000u
#define RDMARC_BASE   0x380000u
#define LOG_QPS       10
#define LOG_SRQS      8
#define LOG_CQS       8
#define LOG_EQS       4
#define LOG_MPTS      10

typedef struct Drv {
    Hca *hca;
    HcaBus bus;
    uint8_t *mem;
    uint8_t low[LOW_SIZE];
    bool has_low;
    uint64_t brk;                              /* bus address */
    uint64_t icm;                              /* bus address of ICM's memory */
    uint64_t inbox, outbox;
    uint32_t next_mtt;
    bool toggle;
    bool cqe64;                                /* as INIT_HCA is to ask */
    uint64_t now, timer;
    unsigned irqs[HCA_NUM_MSIX], clears;
    bool enabled[HCA_NUM_PORTS + 1];
    unsigned guest_errors, unimplemented;
    unsigned model_errors;
    char model_error[200];                     /* the last one */
} Drv;

/* The device alone; then with firmware and ICM; then after INIT_HCA. */
Drv *drv_bare(void);
void drv_start_fw(Drv *d);
void drv_map_icm(Drv *d);
uint8_t drv_init_hca(Drv *d, const uint8_t *mailbox);
void drv_default_init(Drv *d, uint8_t mailbox[HCA_MAILBOX_SIZE]);
Drv *drv_up(bool cqe64);
void drv_free(Drv *d);

uint64_t drv_alloc(Drv *d, size_t len, size_t align);
uint8_t *drv_ptr(Drv *d, uint64_t bus_addr);

/* A command by the HCR. Returns its status. */
uint8_t drv_cmd(Drv *d, uint16_t op, uint8_t op_mod, uint32_t in_mod,
                uint64_t in_param, uint64_t *out_param);
/* With mailboxes: in (len octets) and out (a mailbox) may be NULL. */
uint8_t drv_box(Drv *d, uint16_t op, uint8_t op_mod, uint32_t in_mod,
                const void *in, size_t len, uint8_t *out);
/* Is a command being executed? */
bool drv_busy(Drv *d);
/* By event, not waiting for it. */
void drv_post_event(Drv *d, uint16_t op, uint32_t in_mod, uint64_t in_param,
                    uint16_t token);

/* The last error of the model is this one; forget it, and let time pass. */
void drv_model_error(Drv *d, const char *wanted);
/* There was none since. */
void drv_no_model_error(Drv *d);

/* n MTT entries for the pages at addr; returns the first one's octet offset. */
uint64_t drv_mtt(Drv *d, uint64_t addr, unsigned n, unsigned page_shift);

typedef struct TestEq {
    Drv *d;
    uint32_t eqn;
    uint64_t buf;
    unsigned log_size;
    uint32_t consumer;
} TestEq;

uint8_t eq_create(Drv *d, TestEq *eq, uint32_t eqn, unsigned log_size,
                  uint8_t vector);
/* The next event, NULL when there is none. */
const uint8_t *eq_poll(TestEq *eq);
void eq_doorbell(TestEq *eq, bool arm);

typedef struct TestCq {
    Drv *d;
    uint32_t cqn, uar;
    uint64_t buf, db;
    unsigned log_size, stride;
    uint32_t consumer;
    unsigned sn;
} TestCq;

void cq_context(TestCq *cq, uint8_t context[64], uint32_t flags, uint8_t eqn);
uint8_t cq_create(Drv *d, TestCq *cq, uint32_t cqn, unsigned log_size,
                  uint8_t eqn, uint32_t flags);
const uint8_t *cq_poll(TestCq *cq);            /* updates the doorbell record */
void cq_arm(TestCq *cq, bool solicited);

#endif
