/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts instructions by who executes them: a plugin of QEMU's, for a machine
 * with one processor.
 *
 * Whether it is Xen, a kernel or a process is told by the address: a PV guest
 * runs both of the latter in ring 3. Which domain, by the page tables.
 *
 * A process says nop with MARK as displacement to have a line of JSON written,
 * of all that was counted since the machine started:
 *   xen        in Xen
 *   domains    in each domain, by a number that stays: in its kernel and in
 *              its processes
 *   domain     whose process this is
 *   process    in this process, without its kernel
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>
#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* nopl 0x696e6578(%rax), which no compiler says */
static const uint8_t MARK[] = { 0x0f, 0x1f, 0x80, 'x', 'e', 'n', 'i' };
static const uint8_t VMRUN[] = { 0x0f, 0x01, 0xd8 };
static const uint8_t MOV_TO_CR[] = { 0x0f, 0x22 };

/* As Linux and asm-x86/config.h of Xen divide the addresses */
#define KERNEL_START    (1ULL << 63)
#define XEN_START       0xffff800000000000ULL
#define XEN_END         0xffff880000000000ULL

/*
 * Entry 258 of Xen's top-level page tables refers to the table itself, and
 * entry 260 to what belongs to the domain: this is the address of the latter.
 */
#define SELF            258ULL
#define DOMAIN_ENTRY    (0xffffULL << 48 | SELF << 39 | SELF << 30 | \
                         SELF << 21 | SELF << 12 | 260 * 8)
#define TABLE_MASK      0x000ffffffffff000ULL

typedef struct Process {
    uint64_t table;             /* its page table */
    uint64_t count;
} Process;

typedef struct Domain {
    uint64_t id;
    uint64_t kernel;
    uint64_t processes;
    GHashTable *by_table;       /* Process */
} Domain;

/* What the code that QEMU generates writes */
typedef struct Executed {
    uint64_t xen;
    uint64_t kernel;            /* since settle() */
    uint64_t process;
    uint64_t unknown;           /* the page table may be another one now */
    uint64_t hvm;               /* after VMRUN: it is an HVM guest's own */
} Executed;

static struct qemu_plugin_scoreboard *executed;
static struct qemu_plugin_register *cr3;
static GHashTable *domains;
static Domain *domain;
static Process *process;
static FILE *marks;

#define COUNTER(field) \
    qemu_plugin_scoreboard_u64_in_struct(executed, Executed, field)

/* The entry of a table whose first member is the key, made when missing */
static void *find(GHashTable *table, uint64_t key, size_t size)
{
    uint64_t *found = g_hash_table_lookup(table, &key);

    if (!found) {
        found = g_malloc0(size);
        *found = key;
        g_hash_table_insert(table, found, found);
    }
    return found;
}

static void find_domain(uint64_t id)
{
    domain = find(domains, id, sizeof(*domain));
    if (!domain->by_table) {
        domain->by_table = g_hash_table_new(g_int64_hash, g_int64_equal);
    }
}

/* Without Xen nothing is mapped there, and all is one domain's. */
static void find_xens_domain(void)
{
    g_autoptr(GByteArray) entry = g_byte_array_new();
    uint64_t id = 0;

    if (qemu_plugin_read_memory_vaddr(DOMAIN_ENTRY, entry, sizeof(id))) {
        memcpy(&id, entry->data, sizeof(id));
    }
    find_domain(id & TABLE_MASK);
}

static void find_process(void)
{
    g_autoptr(GByteArray) value = g_byte_array_new();
    uint64_t table;

    qemu_plugin_read_register(cr3, value);
    memcpy(&table, value->data, sizeof(table));
    process = find(domain->by_table, table & TABLE_MASK, sizeof(*process));
}

/* Add to the sums what was executed since the last time. */
static void settle(Executed *e)
{
    domain->kernel += e->kernel;
    domain->processes += e->process;
    process->count += e->process;
    e->kernel = 0;
    e->process = 0;
}

static void page_table_known(unsigned int cpu, void *unused)
{
    Executed *e = qemu_plugin_scoreboard_find(executed, cpu);

    settle(e);
    e->unknown = false;
    if (!e->hvm) {
        find_xens_domain();
    }
    find_process();
}

/* The last page table of Xen's before those of an HVM or PVH guest */
static void vmrun(unsigned int cpu, void *unused)
{
    Executed *e = qemu_plugin_scoreboard_find(executed, cpu);

    settle(e);
    e->hvm = true;
    find_xens_domain();
}

static void mark(unsigned int cpu, void *unused)
{
    Executed *e = qemu_plugin_scoreboard_find(executed, cpu);
    const char *comma = "";
    GHashTableIter iter;
    Domain *d;

    settle(e);
    fprintf(marks, "{\"xen\": %" PRIu64 ", \"domain\": \"%" PRIx64 "\", "
            "\"process\": %" PRIu64 ", \"domains\": {",
            e->xen, domain->id, process->count);
    g_hash_table_iter_init(&iter, domains);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&d)) {
        fprintf(marks, "%s\"%" PRIx64 "\": {\"kernel\": %" PRIu64 ", "
                "\"processes\": %" PRIu64 "}", comma,
                d->id, d->kernel, d->processes);
        comma = ", ";
    }
    fprintf(marks, "}}\n");
    fflush(marks);
}

static bool begins_with(const uint8_t *code, const uint8_t *wanted, size_t len)
{
    return !memcmp(code, wanted, len);
}

static bool is_mov_to_cr3(const uint8_t *code)
{
    if ((code[0] & 0xf0) == 0x40) {
        code++;
    }
    return begins_with(code, MOV_TO_CR, sizeof(MOV_TO_CR)) &&
           (code[2] & 0x38) == 3 << 3;
}

static void translated_insn(struct qemu_plugin_insn *insn, bool is_xen,
                            qemu_plugin_u64 counter)
{
    uint8_t code[16] = {};

    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
        insn, QEMU_PLUGIN_INLINE_ADD_U64, counter, 1);
    qemu_plugin_insn_data(insn, code, sizeof(code));
    if (is_xen && begins_with(code, VMRUN, sizeof(VMRUN))) {
        qemu_plugin_register_vcpu_insn_exec_cb(
            insn, vmrun, QEMU_PLUGIN_CB_NO_REGS, NULL);
    } else if (!is_xen && is_mov_to_cr3(code)) {
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
            insn, QEMU_PLUGIN_INLINE_STORE_U64, COUNTER(unknown), true);
    } else if (begins_with(code, MARK, sizeof(MARK))) {
        qemu_plugin_register_vcpu_insn_exec_cb(
            insn, mark, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    uint64_t addr = qemu_plugin_tb_vaddr(tb);
    bool is_xen = addr >= XEN_START && addr < XEN_END;
    qemu_plugin_u64 counter = is_xen ? COUNTER(xen) :
        addr >= KERNEL_START ? COUNTER(kernel) : COUNTER(process);
    size_t i;

    if (is_xen) {
        qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
            tb, QEMU_PLUGIN_INLINE_STORE_U64, COUNTER(unknown), true);
        qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
            tb, QEMU_PLUGIN_INLINE_STORE_U64, COUNTER(hvm), false);
    } else {
        qemu_plugin_register_vcpu_tb_exec_cond_cb(
            tb, page_table_known, QEMU_PLUGIN_CB_R_REGS,
            QEMU_PLUGIN_COND_NE, COUNTER(unknown), 0, NULL);
    }
    for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        translated_insn(qemu_plugin_tb_get_insn(tb, i), is_xen, counter);
    }
}

static void cpu_there(qemu_plugin_id_t id, unsigned int cpu)
{
    g_autoptr(GArray) all = qemu_plugin_get_registers();
    qemu_plugin_reg_descriptor *reg;
    guint i;

    for (i = 0; i < all->len; i++) {
        reg = &g_array_index(all, qemu_plugin_reg_descriptor, i);
        if (!strcmp(reg->name, "cr3")) {
            cr3 = reg->handle;
        }
    }
    g_assert(cr3);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info,
                                           int argc, char **argv)
{
    if (argc != 1 || !g_str_has_prefix(argv[0], "marks=") ||
        info->system.max_vcpus != 1) {
        fprintf(stderr, "count: needs marks=FILE, and one processor\n");
        return -1;
    }
    marks = fopen(argv[0] + strlen("marks="), "w");
    if (!marks) {
        perror(argv[0]);
        return -1;
    }
    executed = qemu_plugin_scoreboard_new(sizeof(Executed));
    domains = g_hash_table_new(g_int64_hash, g_int64_equal);
    find_domain(0);
    process = find(domain->by_table, 0, sizeof(*process));
    qemu_plugin_register_vcpu_init_cb(id, cpu_there);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
