/*
 * core.c - what has to be fast of the module: single elements, and the memory of a snapshot. lfvec/_core_ctypes.py is its twin, without a compiler.
 *
 * Core is the base of Vector. It calls the library by addresses that _library.py hands to bind(), so it is linked with none, and includes no
 * header of it. Only what goes well is done here: a value that is not plainly of the element's type goes to the codec's pack(), and an error
 * number to _error(), both in Python, which have the sentences.
 *
 * The GIL is held throughout. These calls are over in less time than it takes to give the GIL away and have it back, they wait for nobody, and
 * nothing can close the handle between the look at it and the end of the call. What waits or copies much goes by ctypes, and lets others run.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

/* ---- the library ------------------------------------------------------------------------------------------------------------------------ */

static struct {
    int (*push)(void *v, const void *elem, uint64_t *index);
    int (*pop)(void *v, void *elem);
    int (*get)(void *v, uint64_t index, void *elem);
    int (*set)(void *v, uint64_t index, const void *elem);
    uint64_t (*size)(const void *v);
} library;

static PyObject *bind(PyObject *module, PyObject *args)
{
    unsigned long long at[5];
    (void)module;
    if (!PyArg_ParseTuple(args, "KKKKK", &at[0], &at[1], &at[2], &at[3], &at[4]))
        return NULL;
    library.push = (int (*)(void *, const void *, uint64_t *))(uintptr_t)at[0];
    library.pop = (int (*)(void *, void *))(uintptr_t)at[1];
    library.get = (int (*)(void *, uint64_t, void *))(uintptr_t)at[2];
    library.set = (int (*)(void *, uint64_t, const void *))(uintptr_t)at[3];
    library.size = (uint64_t(*)(const void *))(uintptr_t)at[4];
    Py_RETURN_NONE;
}

/* ---- Core ------------------------------------------------------------------------------------------------------------------------------- */

struct core {
    PyObject ob_base;
    void *handle;     /* NULL while it is not attached */
    size_t size;      /* of an element */
    int kind;         /* 'u', 'i', 'f', '?' a number; 's' bytes; 0 what the codec makes of them */
    PyObject *pack;   /* of the codec: a value into bytes */
    PyObject *unpack; /* bytes into a value */
    PyObject *spread; /* of a record: its fields, one argument each, into bytes; or None */
};

/* An element on its way: in place if it is a number, else in bytes of Python's. */
struct cell {
    union {
        uint64_t u;
        int64_t i;
        double d;
        float f;
        unsigned char bytes[8];
    } in;
    unsigned char *at;
    PyObject *owner; /* bytes that `at` points into, or NULL */
};

static void *fail(struct core *v, int number)
{
    PyObject *error = PyObject_CallMethod((PyObject *)v, "_error", "i", number);
    if (error) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

static int is_number(const struct core *v)
{
    return v->kind && v->kind != 's';
}

/* ---- a value into a cell */

static int put_unsigned(const struct core *v, PyObject *value, struct cell *c)
{
    const unsigned long long x = PyLong_Check(value) ? PyLong_AsUnsignedLongLong(value) : ULLONG_MAX;
    if (x == ULLONG_MAX && (!PyLong_Check(value) || PyErr_Occurred()))
        return 0;
    c->in.u = x; /* on a little-endian machine the low bytes come first, and no other has this module: _native.py */
    return v->size == 8 || x >> (8 * v->size) == 0;
}

static int put_signed(const struct core *v, PyObject *value, struct cell *c)
{
    const long long x = PyLong_Check(value) ? PyLong_AsLongLong(value) : -1;
    if (x == -1 && (!PyLong_Check(value) || PyErr_Occurred()))
        return 0;
    const long long most = v->size == 8 ? LLONG_MAX : (1LL << (8 * v->size - 1)) - 1;
    c->in.i = x;
    return x <= most && x >= -most - 1;
}

static int put_float(const struct core *v, PyObject *value, struct cell *c)
{
    if (!PyFloat_Check(value))
        return 0;
    const double x = PyFloat_AsDouble(value);
    if (v->size == 8) {
        c->in.d = x;
        return 1;
    }
    c->in.f = (float)x;
    return x - x != 0 || c->in.f - c->in.f == 0; /* what is finite stays so, or struct says that it does not */
}

static int put_plain(const struct core *v, PyObject *value, struct cell *c)
{
    switch (v->kind) {
    case 'u':
        return put_unsigned(v, value, c);
    case 'i':
        return put_signed(v, value, c);
    case 'f':
        return put_float(v, value, c);
    case '?':
        c->in.bytes[0] = value == Py_True;
        return value == Py_True || value == Py_False;
    default:
        return 0;
    }
}

static int put_bytes(const struct core *v, PyObject *bytes, struct cell *c)
{
    if (!PyBytes_Check(bytes) || (size_t)PyBytes_Size(bytes) != v->size) {
        PyErr_SetString(PyExc_TypeError, "an element is bytes of its size");
        return -1;
    }
    Py_INCREF(bytes);
    c->owner = bytes;
    c->at = (unsigned char *)PyBytes_AsString(bytes);
    return 0;
}

/* 0, or -1 with an exception set. Python code may have run: the handle is to be looked at afterwards. */
static int cell_put(struct core *v, PyObject *value, struct cell *c)
{
    c->owner = NULL;
    c->at = c->in.bytes;
    if (is_number(v) && put_plain(v, value, c))
        return 0;
    PyErr_Clear();
    if (v->kind == 's' && PyBytes_Check(value) && (size_t)PyBytes_Size(value) == v->size)
        return put_bytes(v, value, c);
    if (!v->pack) {
        fail(v, EINVAL);
        return -1;
    }
    PyObject *bytes = v->spread != Py_None && PyTuple_Check(value) ? PyObject_CallObject(v->spread, value)
                                                                   : PyObject_CallFunctionObjArgs(v->pack, value, NULL);
    const int err = bytes ? put_bytes(v, bytes, c) : -1;
    Py_XDECREF(bytes);
    return err;
}

static void cell_free(struct cell *c)
{
    Py_XDECREF(c->owner);
}

/* ---- a cell into a value */

static int cell_make(const struct core *v, struct cell *c)
{
    c->owner = NULL;
    c->at = c->in.bytes;
    if (is_number(v))
        return 0;
    c->owner = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)v->size);
    c->at = c->owner ? (unsigned char *)PyBytes_AsString(c->owner) : NULL;
    return c->owner ? 0 : -1;
}

static PyObject *signed_value(const struct core *v, const struct cell *c)
{
    switch (v->size) {
    case 1:
        return PyLong_FromLong((int8_t)c->in.bytes[0]);
    case 2:
        return PyLong_FromLong((int16_t)c->in.u);
    case 4:
        return PyLong_FromLong((int32_t)c->in.u);
    default:
        return PyLong_FromLongLong(c->in.i);
    }
}

/* Takes the cell's bytes. */
static PyObject *cell_value(struct core *v, struct cell *c)
{
    switch (v->kind) {
    case 'u':
        return PyLong_FromUnsignedLongLong(v->size == 8 ? c->in.u : c->in.u & ((UINT64_C(1) << (8 * v->size)) - 1));
    case 'i':
        return signed_value(v, c);
    case 'f':
        return PyFloat_FromDouble(v->size == 8 ? c->in.d : (double)c->in.f);
    case '?':
        return PyBool_FromLong(c->in.bytes[0]);
    case 's':
        return c->owner;
    default:
        break;
    }
    PyObject *value = PyObject_CallFunctionObjArgs(v->unpack, c->owner, NULL);
    cell_free(c);
    return value;
}

/* The value of a cell that a call has filled, or the exception of its error. */
static PyObject *cell_done(struct core *v, struct cell *c, int err)
{
    if (!err)
        return cell_value(v, c);
    cell_free(c);
    return fail(v, -err);
}

/* ---- the operations */

static PyObject *core_push(struct core *v, PyObject *value)
{
    struct cell c;
    uint64_t index = 0;
    if (cell_put(v, value, &c))
        return NULL;
    const int err = v->handle ? library.push(v->handle, c.at, &index) : -EINVAL;
    cell_free(&c);
    return err ? fail(v, -err) : PyLong_FromUnsignedLongLong(index);
}

static PyObject *core_pop(struct core *v, PyObject *args)
{
    struct cell c;
    if (PyTuple_Size(args)) {
        PyErr_SetString(PyExc_TypeError, "pop() removes the last element, and takes no index: elements cannot be removed from elsewhere");
        return NULL;
    }
    if (!v->handle)
        return fail(v, EINVAL);
    return cell_make(v, &c) ? NULL : cell_done(v, &c, library.pop(v->handle, c.at));
}

static Py_ssize_t core_len(struct core *v)
{
    if (!v->handle)
        fail(v, EINVAL);
    const uint64_t size = v->handle ? library.size(v->handle) : 0;
    if (v->handle && size > PY_SSIZE_T_MAX)
        fail(v, EBADMSG);
    return PyErr_Occurred() ? -1 : (Py_ssize_t)size;
}

/* 0, or -1 with an exception set. */
static int index_of(struct core *v, PyObject *key, uint64_t *index)
{
    int overflow = 0;
    PyObject *number = PyNumber_Index(key);
    if (!number)
        return -1;
    long long at = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (at < 0 && !overflow)
        at += v->handle ? (long long)(library.size(v->handle) & LLONG_MAX) : 0;
    if (!v->handle || overflow || at < 0) {
        fail(v, v->handle ? ERANGE : EINVAL);
        return -1;
    }
    *index = (uint64_t)at;
    return 0;
}

static PyObject *core_get(struct core *v, PyObject *key)
{
    struct cell c;
    uint64_t index;
    if (index_of(v, key, &index) || cell_make(v, &c))
        return NULL;
    return cell_done(v, &c, library.get(v->handle, index, c.at));
}

static int store(struct core *v, PyObject *key, PyObject *value)
{
    struct cell c;
    uint64_t index;
    if (cell_put(v, value, &c))
        return -1;
    int err = index_of(v, key, &index);
    if (!err) {
        err = v->handle ? library.set(v->handle, index, c.at) : -EINVAL;
        if (err)
            fail(v, -err);
    }
    cell_free(&c);
    return err ? -1 : 0;
}

static PyObject *core_set(struct core *v, PyObject *args)
{
    PyObject *key, *value;
    if (!PyArg_ParseTuple(args, "OO:set", &key, &value) || store(v, key, value))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *core_subscript(struct core *v, PyObject *key)
{
    return PySlice_Check(key) ? PyObject_CallMethod((PyObject *)v, "_slice", "O", key) : core_get(v, key);
}

static int core_ass_subscript(struct core *v, PyObject *key, PyObject *value)
{
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "elements are removed from the end only: pop(), pop_n(), clear()");
        return -1;
    }
    if (!PySlice_Check(key))
        return store(v, key, value);
    PyObject *done = PyObject_CallMethod((PyObject *)v, "_set_slice", "OO", key, value);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* ---- its life */

static void replace(PyObject **place, PyObject *with)
{
    PyObject *old = *place;
    Py_XINCREF(with);
    *place = with;
    Py_XDECREF(old);
}

static PyObject *core_connect(struct core *v, PyObject *args)
{
    unsigned long long handle;
    Py_ssize_t size;
    const char *kind;
    PyObject *pack, *unpack, *spread;
    if (!PyArg_ParseTuple(args, "KnsOOO", &handle, &size, &kind, &pack, &unpack, &spread))
        return NULL;
    v->size = (size_t)size;
    v->kind = (unsigned char)*kind;
    replace(&v->pack, pack);
    replace(&v->unpack, unpack);
    replace(&v->spread, spread);
    v->handle = (void *)(uintptr_t)handle;
    Py_RETURN_NONE;
}

static PyObject *core_disconnect(struct core *v, PyObject *unused)
{
    (void)unused;
    v->handle = NULL;
    Py_RETURN_NONE;
}

static void core_dealloc(struct core *v)
{
    PyTypeObject *type = Py_TYPE((PyObject *)v);
    replace(&v->pack, NULL);
    replace(&v->unpack, NULL);
    replace(&v->spread, NULL);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(v);
    Py_DECREF(type);
}

static PyMethodDef core_methods[] = {
    {"push", (PyCFunction)core_push, METH_O,
     "push(value)\n--\n\nAppends an element and returns its index. FullError when memory or the limit is reached; nothing is changed "
     "then."},
    {"pop", (PyCFunction)core_pop, METH_VARARGS,
     "pop()\n--\n\nRemoves the last element and returns it. EmptyError (an IndexError) if there is none. No other element can be removed."},
    {"get", (PyCFunction)core_get, METH_O,
     "get(index)\n--\n\nElement `index`; counted from the end if negative. RangeError (an IndexError) beyond the size."},
    {"set", (PyCFunction)core_set, METH_VARARGS, "set(index, value)\n--\n\nReplaces element `index`."},
    {"_connect", (PyCFunction)core_connect, METH_VARARGS, NULL},
    {"_disconnect", (PyCFunction)core_disconnect, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot core_slots[] = {
    {Py_tp_doc, "The part of Vector that is in C: single elements."},
    {Py_tp_dealloc, core_dealloc},
    {Py_tp_methods, core_methods},
    {Py_mp_length, core_len},
    {Py_mp_subscript, core_subscript},
    {Py_mp_ass_subscript, core_ass_subscript},
    {0, NULL},
};

static PyType_Spec core_spec = {"lfvec._core.Core", sizeof(struct core), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, core_slots};

/* ---- Memory: the base of Snapshot, which has the buffer protocol ---------------------------------------------------------------------------- */

struct memory {
    PyObject ob_base;
    Py_buffer whole;  /* bytes, which stay where they are */
    PyObject *format; /* of an item, as bytes */
    Py_ssize_t itemsize, shape[2], strides[2];
    int ndim;
};

/* _hold(memory, format, itemsize, row): items of itemsize bytes; if row is not 0, rows of that many. */
static PyObject *memory_hold(struct memory *m, PyObject *args)
{
    PyObject *from, *format;
    Py_ssize_t itemsize, row;
    if (!PyArg_ParseTuple(args, "OSnn", &from, &format, &itemsize, &row))
        return NULL;
    if (m->whole.obj || itemsize < 1 || row < 0) {
        PyErr_SetString(PyExc_ValueError, "held already, or no items");
        return NULL;
    }
    if (PyObject_GetBuffer(from, &m->whole, PyBUF_SIMPLE))
        return NULL;
    replace(&m->format, format);
    m->itemsize = itemsize;
    m->ndim = row ? 2 : 1;
    m->shape[1] = row ? row : 1;
    m->strides[1] = itemsize;
    m->strides[0] = itemsize * m->shape[1];
    m->shape[0] = m->whole.len / m->strides[0];
    Py_RETURN_NONE;
}

static int memory_getbuffer(struct memory *m, Py_buffer *view, int flags)
{
    if (flags & PyBUF_WRITABLE || !m->whole.obj) {
        PyErr_SetString(PyExc_BufferError, "a snapshot is read-only");
        view->obj = NULL;
        return -1;
    }
    if (m->ndim > 1 && (flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS) {
        PyErr_SetString(PyExc_BufferError, "a snapshot is contiguous in the order of C");
        view->obj = NULL;
        return -1;
    }
    *view = (Py_buffer){.buf = m->whole.buf, .len = m->shape[0] * m->strides[0], .itemsize = m->itemsize, .readonly = 1};
    view->ndim = m->ndim;
    view->format = flags & PyBUF_FORMAT ? PyBytes_AsString(m->format) : NULL;
    view->shape = (flags & PyBUF_ND) == PyBUF_ND ? m->shape : NULL;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? m->strides : NULL;
    if (!view->shape) {
        view->ndim = 1;
        view->itemsize = view->format ? view->itemsize : 1;
    }
    view->obj = (PyObject *)m;
    Py_INCREF((PyObject *)m);
    return 0;
}

static void memory_dealloc(struct memory *m)
{
    PyTypeObject *type = Py_TYPE((PyObject *)m);
    if (m->whole.obj)
        PyBuffer_Release(&m->whole);
    replace(&m->format, NULL);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(m);
    Py_DECREF(type);
}

static PyMethodDef memory_methods[] = {
    {"_hold", (PyCFunction)memory_hold, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot memory_slots[] = {
    {Py_tp_doc, "The part of Snapshot that is in C: the buffer protocol."},
    {Py_tp_dealloc, memory_dealloc},
    {Py_tp_methods, memory_methods},
    {Py_bf_getbuffer, memory_getbuffer},
    {0, NULL},
};

static PyType_Spec memory_spec = {"lfvec._core.Memory", sizeof(struct memory), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, memory_slots};

/* ---- the module --------------------------------------------------------------------------------------------------------------------------- */

static int add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    if (type && !PyModule_AddObject(module, name, type))
        return 0;
    Py_XDECREF(type);
    return -1;
}

static PyMethodDef functions[] = {
    {"bind", bind, METH_VARARGS, "bind(push, pop, get, set, size): where the library's functions are."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "lfvec._core", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__core(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && (add_type(module, "Core", &core_spec) || add_type(module, "Memory", &memory_spec))) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
