/* A yardstick for the gate: the same controls, sums and reservations, written straight in C.

   True here: it serves the bench alone. Amounts are int64; products that overflow refuse. Its world
   is made by `build` from a few numbers (bench/gate.py gives the real gate the same ones). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

typedef int64_t num;

typedef struct { num long_max, short_max, gross_max, lng, sht, gross; } Scope;
typedef struct { num interval, orders_ns, busy; } Rate;
typedef struct { Scope scope; Rate rate; num collateral, charged, margin, credit_max, unsettled, credit_open; } Account;
typedef struct { Scope scope; Rate rate; num state, needs_parent; } Strategy;
typedef struct { num lots_max, rate_unit, deduction; } Tier;
typedef struct Slot { num handle, open, route, side, total, asked, filled, price, asked_price, credit, parent, flag, rank, place, next_free; } Slot;
typedef struct { Slot **slots; num size, room; } Ladder;
typedef struct {
    Account *account; Scope *asset; Ladder ladders[2]; Tier tiers[3];
    num restricted, position_max, low, high, unit, fee_unit, borrow_unit, reference_at, age_max;
    num disputed, lng, sht, need;
} Holding;
typedef struct {
    Strategy *strategy; Holding *holding;
    num quantity_max, notional_max, position_max, duplicate_ns, executions_max, executions_ns;
    num lng, sht, last_side, last_quantity, last_price, last_at, executions, executions_at;
} Route;
typedef struct { num open, total, children_max, children, filled, working; } Parent;
typedef struct { num lots, value, alone, together, need; } Change;

static Scope firm; static num firm_state, firm_open_until;
static Account *accounts; static Scope *assets; static Strategy *strategies; static Holding *holdings;
static Route *routes; static Parent *parents; static Slot *slots;
static num routes_n, parents_n, slots_n, fresh, free_slot, taken;

static inline num max2(num a, num b) { return a > b ? a : b; }
static inline num min2(num a, num b) { return a < b ? a : b; }
static inline int times(num a, num b, num *out) { return __builtin_mul_overflow(a, b, out); }

/* --- the heap of own prices --- */

static int rise(Ladder *l, Slot *s)
{
    num p = s->place;
    while (p > 0) {
        Slot *above = l->slots[(p - 1) / 2];
        if (above->rank <= s->rank) break;
        l->slots[p] = above; num q = above->place; above->place = p; p = q;
    }
    l->slots[p] = s; s->place = p;
    return 0;
}
static void sink(Ladder *l, Slot *s)
{
    num p = s->place;
    while (2 * p + 1 < l->size) {
        Slot *below = l->slots[2 * p + 1];
        if (2 * p + 2 < l->size && l->slots[2 * p + 2]->rank < below->rank) below = l->slots[2 * p + 2];
        if (below->rank >= s->rank) break;
        l->slots[p] = below; num q = below->place; below->place = p; p = q;
    }
    l->slots[p] = s; s->place = p;
}
static int put(Ladder *l, Slot *s, num price)
{
    if (l->size == l->room) {
        num room = l->room ? 2 * l->room : 16;
        Slot **more = realloc(l->slots, room * sizeof *more);
        if (!more) return -1;
        l->slots = more; l->room = room;
    }
    s->rank = s->side == 0 ? -price : price;
    s->place = l->size++;
    return rise(l, s);
}
static void take(Ladder *l, Slot *s)
{
    if (s->place < 0) return;
    num p = s->place; Slot *last = l->slots[--l->size];
    s->place = -1;
    if (last != s) { l->slots[p] = last; last->place = p; sink(l, last); rise(l, last); }
}

/* --- the controls --- */

static int only_reduces(Route *w, num side, num lots)
{
    Holding *h = w->holding;
    if (side) return w->sht + lots <= 0 && h->sht + lots <= min2(0, h->disputed);
    return w->lng + lots <= 0 && h->lng + lots <= min2(0, -h->disputed);
}
static int own(Route *w, num side, num size, num extra, num worst, num flag, num now)
{
    Holding *h = w->holding; Strategy *s = w->strategy; num value;
    int reduces = only_reduces(w, side, extra);
    if (firm_state != 2) { if (firm_state != 1) return 7; if (!reduces) return 8; }
    if (now > firm_open_until) return 9;
    if (s->state != 2) { if (s->state != 1) return 10; if (!reduces) return 11; }
    if (h->restricted) return 12;
    if (h->unit <= 0) return 13;
    if (now < h->reference_at || now - h->reference_at > h->age_max) return 14;
    if (worst < h->low) return 15;
    if (worst > h->high) return 16;
    if (size > w->quantity_max) return 17;
    if (times(size, h->unit, &value)) return 1;
    if (value > w->notional_max) return 18;
    if (side == 0) {
        if (w->lng + extra > w->position_max) return 23;
        if (h->lng + extra > h->position_max) return 24;
    } else {
        if (w->sht + extra > w->position_max) return 23;
        if (h->sht + extra > h->position_max) return 24;
    }
    if (flag && !reduces) return 25;
    if (w->executions >= w->executions_max && now - w->executions_at < w->executions_ns) return 22;
    if (max2(0, h->account->rate.busy - now) > h->account->rate.orders_ns) return 19;
    if (max2(0, s->rate.busy - now) > s->rate.orders_ns) return 20;
    return 0;
}
static int over(Scope *s, num side, num value, num grows, int reduces, int net)
{
    if (!reduces && (s->lng > s->long_max || s->sht > s->short_max || s->gross > s->gross_max)) return 30;
    if (side == 0) { if (value > 0 && s->lng + value > s->long_max) return net; }
    else if (value > 0 && s->sht + value > s->short_max) return net;
    if (grows > 0 && s->gross + grows > s->gross_max) return net + 1;
    return 0;
}
static int margin(Holding *h, num lng, num sht, num *need)
{
    num lots = max2(lng, sht), a, b, c = 0;
    *need = lots ? (num)1 << 60 : 0;
    if (lots == 0) return 0;
    for (int i = 0; i < 3; i++)
        if (lots <= h->tiers[i].lots_max) {
            if (times(lots, h->tiers[i].rate_unit, &a) || times(lng + sht, h->fee_unit, &b)) return 1;
            if (sht > 0 && times(sht, h->borrow_unit, &c)) return 1;
            *need = a - h->tiers[i].deduction + b + c;
            return 0;
        }
    return 0;
}
static int weigh(Change *c, Route *w, num side, num lots)
{
    Holding *h = w->holding; num lng = h->lng, sht = h->sht, alone, before = max2(lng, sht);
    if (side == 0) { lng += lots; alone = max2(w->lng + lots, w->sht); }
    else { sht += lots; alone = max2(w->lng, w->sht + lots); }
    c->lots = lots;
    return times(lots, h->unit, &c->value) || times(alone - max2(w->lng, w->sht), h->unit, &c->alone)
        || times(max2(lng, sht) - before, h->unit, &c->together) || margin(h, lng, sht, &c->need);
}
static int shared(Route *w, num side, num worst, Parent *f, Change *c)
{
    Holding *h = w->holding; Account *a = h->account; int code;
    if (f->filled + f->working + c->lots > f->total) return 27;
    Ladder *l = &h->ladders[!side];
    if (l->size && (side == 0 ? l->slots[0]->rank <= worst : -l->slots[0]->rank >= worst)) return 29;
    int reduces = only_reduces(w, side, c->lots);
    if ((code = over(&w->strategy->scope, side, c->value, c->alone, reduces, 31))) return code;
    if ((code = over(&a->scope, side, c->value, c->together, reduces, 33))) return code;
    if ((code = over(h->asset, side, c->value, c->together, reduces, 35))) return code;
    if ((code = over(&firm, side, c->value, c->together, reduces, 37))) return code;
    if (!reduces && a->margin - h->need + c->need + a->charged > a->collateral) return 39;
    if (a->credit_open + a->unsettled + c->value > a->credit_max) return 40;
    return 0;
}

/* --- reservations --- */

static void add(Scope *s, num side, num value, num grows)
{
    if (side == 0) s->lng += value; else s->sht += value;
    s->gross += grows;
}
static void count(Route *w, num side, const Change *c)
{
    Holding *h = w->holding; Account *a = h->account;
    add(&w->strategy->scope, side, c->value, c->alone);
    add(&a->scope, side, c->value, c->together); add(h->asset, side, c->value, c->together); add(&firm, side, c->value, c->together);
    if (side == 0) { w->lng += c->lots; h->lng += c->lots; } else { w->sht += c->lots; h->sht += c->lots; }
    a->margin += c->need - h->need; h->need = c->need;
}

/* --- the calls --- */

static int words(PyObject *const *args, Py_ssize_t n, num *told, Py_ssize_t want)
{
    if (n != want) return 1;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!PyLong_Check(args[i]) || (PyBool_Check(args[i]) && i != 5)) return 4;
        told[i] = PyLong_AsLongLong(args[i]);
        if (told[i] == -1 && PyErr_Occurred()) { PyErr_Clear(); return 4; }
    }
    return 0;
}
static int formed(num *t)
{
    if (t[0] < 0 || t[0] >= routes_n) return 2;
    if ((t[1] != 0 && t[1] != 1) || (t[4] != 0 && t[4] != 1) || (t[5] != 0 && t[5] != 1)) return 3;
    if (t[2] <= 0 || t[2] > (num)1 << 40) return 4;
    if (t[3] < 0 || t[3] > (num)1 << 61 || (t[3] == 0) != (t[4] == 1)) return 5;
    if (t[7] <= 0 || t[7] >= (num)1 << 62) return 6;
    if (t[6] < -1 || t[6] >= parents_n) return 26;
    return 0;
}
static int judged(num *t, num worst, Change *c)
{
    Route *w = &routes[t[0]];
    int code = own(w, t[1], t[2], t[2], worst, t[5], t[7]);
    if (code) return code;
    if (t[2] == w->last_quantity && worst == w->last_price && t[1] == w->last_side && t[7] - w->last_at < w->duplicate_ns) return 21;
    Parent *f = &parents[t[6] < 0 ? parents_n : t[6]];
    if (!f->open || (t[6] < 0 && w->strategy->needs_parent)) return 26;
    if (f->children >= f->children_max) return 28;
    if (weigh(c, w, t[1], t[2])) return 1;
    if ((code = shared(w, t[1], worst, f, c))) return code;
    return free_slot < 0 && fresh == slots_n ? 41 : 0;
}
static PyObject *py_noop(PyObject *m, PyObject *const *args, Py_ssize_t n) { return PyLong_FromLong(0); }
static PyObject *py_own(PyObject *m, PyObject *const *args, Py_ssize_t n)
{
    num t[8]; int code = words(args, n, t, 8);
    if (!code && (t[0] < 0 || t[0] >= routes_n)) code = 2;
    if (!code) {
        Holding *h = routes[t[0]].holding;
        code = own(&routes[t[0]], t[1], t[2], t[2], t[3] ? t[3] : t[1] ? h->low : h->high, t[5], t[7]);
    }
    return PyLong_FromLong(code);
}
static PyObject *py_order(PyObject *m, PyObject *const *args, Py_ssize_t n)
{
    num t[8]; int code = words(args, n, t, 8);
    if (!code) code = formed(t);
    if (code) return PyLong_FromLong(code);
    Route *w = &routes[t[0]]; Holding *h = w->holding; Account *a = h->account; Strategy *st = w->strategy;
    num worst = t[3] ? t[3] : t[1] ? h->low : h->high;
    Change c;
    if ((code = judged(t, worst, &c))) return PyLong_FromLong(code);
    Slot *s = &slots[free_slot >= 0 ? free_slot : fresh];
    s->route = t[0]; s->side = t[1]; s->parent = t[6]; s->flag = t[5]; s->total = t[2]; s->asked = 0; s->filled = 0;
    s->price = worst; s->asked_price = 0; s->credit = c.value;
    if (put(&h->ladders[t[1]], s, worst)) return PyLong_FromLong(1);
    Parent *f = &parents[t[6] < 0 ? parents_n : t[6]];
    f->working += t[2]; a->credit_open += s->credit;
    count(w, t[1], &c);
    if (free_slot >= 0) free_slot = s->next_free; else fresh++;
    s->open = 1; taken = s->handle; f->children++;
    w->last_side = t[1]; w->last_quantity = t[2]; w->last_price = worst; w->last_at = t[7];
    a->rate.busy = max2(a->rate.busy, t[7]) + a->rate.interval;
    st->rate.busy = max2(st->rate.busy, t[7]) + st->rate.interval;
    return PyLong_FromLong(0);
}
static PyObject *py_release(PyObject *m, PyObject *arg)
{
    num handle = PyLong_AsLongLong(arg);
    if (handle < 0) { PyErr_Clear(); return PyLong_FromLong(42); }
    Slot *s = &slots[handle % slots_n];
    if (!s->open || s->handle != handle) return PyLong_FromLong(42);
    Route *w = &routes[s->route];
    num left = max2(0, max2(s->total, s->asked) - s->filled);
    Change c;
    if (weigh(&c, w, s->side, -left)) return PyLong_FromLong(1);
    take(&w->holding->ladders[s->side], s);
    parents[s->parent < 0 ? parents_n : s->parent].working -= left;
    w->holding->account->credit_open -= s->credit;
    count(w, s->side, &c);
    s->open = 0; s->next_free = free_slot; free_slot = handle % slots_n; s->handle += slots_n;
    return PyLong_FromLong(0);
}
static PyObject *py_taken(PyObject *m, PyObject *none) { return PyLong_FromLongLong(taken); }

static void wide(Scope *s, num big) { memset(s, 0, sizeof *s); s->long_max = s->short_max = s->gross_max = big; }

/* build(routes, slots, unit, low, high, fee_unit, borrow_unit, at, big, tiers as nine numbers) */
static PyObject *py_build(PyObject *m, PyObject *const *args, Py_ssize_t n)
{
    num t[18]; if (words(args, n, t, 18)) { PyErr_SetString(PyExc_ValueError, "eighteen whole numbers"); return NULL; }
    num big = t[8]; routes_n = t[0]; slots_n = t[1]; parents_n = 16; fresh = 0; free_slot = -1; taken = -1;
    firm_state = 2; firm_open_until = (num)1 << 61; wide(&firm, big);
    accounts = calloc(4, sizeof *accounts); assets = calloc(10, sizeof *assets); strategies = calloc(5, sizeof *strategies);
    holdings = calloc(routes_n, sizeof *holdings); routes = calloc(routes_n, sizeof *routes);
    parents = calloc(parents_n + 1, sizeof *parents); slots = calloc(slots_n, sizeof *slots);
    if (!accounts || !assets || !strategies || !holdings || !routes || !parents || !slots) return PyErr_NoMemory();
    parents[parents_n] = (Parent){1, (num)1 << 60, (num)1 << 60, 0, 0, 0};
    for (int i = 0; i < 4; i++) { wide(&accounts[i].scope, big); accounts[i].rate = (Rate){1, 1000000000000000, 0}; accounts[i].collateral = accounts[i].credit_max = big; }
    for (int i = 0; i < 10; i++) wide(&assets[i], big);
    for (int i = 0; i < 5; i++) { wide(&strategies[i].scope, big); strategies[i].rate = (Rate){1, 1000000000000000, 0}; strategies[i].state = 2; }
    for (num i = 0; i < slots_n; i++) { slots[i].handle = i; slots[i].place = slots[i].next_free = -1; }
    for (num i = 0; i < routes_n; i++) {
        Holding *h = &holdings[i]; h->account = &accounts[i % 4]; h->asset = &assets[i % 10];
        h->position_max = 1000000000; h->unit = t[2]; h->low = t[3]; h->high = t[4]; h->fee_unit = t[5]; h->borrow_unit = t[6];
        h->reference_at = t[7]; h->age_max = 1000000000000000000;
        for (int k = 0; k < 3; k++) h->tiers[k] = (Tier){t[9 + 3 * k], t[10 + 3 * k], t[11 + 3 * k]};
        Route *w = &routes[i]; w->holding = h; w->strategy = &strategies[i % 5]; w->quantity_max = 1000000;
        w->notional_max = 1000000000000000; w->position_max = 1000000000; w->last_side = -1; w->executions_max = 1000; w->executions_ns = 1000000000;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"build", (PyCFunction)(void (*)(void))py_build, METH_FASTCALL, "Make the world."},
    {"noop", (PyCFunction)(void (*)(void))py_noop, METH_FASTCALL, "The call alone."},
    {"own", (PyCFunction)(void (*)(void))py_own, METH_FASTCALL, "The order's own controls."},
    {"order", (PyCFunction)(void (*)(void))py_order, METH_FASTCALL, "All controls and the reservation."},
    {"release", py_release, METH_O, "The order is over."},
    {"taken", py_taken, METH_NOARGS, "The last reservation."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "gate_yardstick", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_gate_yardstick(void) { return PyModule_Create(&module); }
