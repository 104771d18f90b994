"""A person's visits over one state, in place."""
from libc.stdint cimport UINT64_MAX, int64_t
from libc.string cimport memset

from ybcore.fast cimport (
    YB_COLUMN_COUNT, YB_MISSING, YB_NO_DAY, YB_OK, yb_column, yb_desk, yb_desk_free, yb_desk_new, yb_fact, yb_image, yb_image_close, yb_image_fact,
    yb_image_item, yb_image_open, yb_line, yb_result, yb_sentence, yb_settle, yb_state, yb_state_free, yb_state_new, yb_state_read, yb_state_write, yb_text,
    yb_visit, yb_why,
)


cdef yb_text text(bytes of):
    cdef yb_text out
    out.at = of
    out.size = len(of)
    return out


cdef class Window:
    cdef yb_image* image
    cdef yb_desk* desk
    cdef yb_state* state
    cdef yb_visit visit
    cdef yb_fact fact
    cdef readonly list names

    def __cinit__(self, bytes path, bytes person, bytes med_type):
        self.must(yb_image_open(path, &self.image))
        self.must(yb_desk_new(self.image, &self.desk))
        self.must(yb_state_new(self.image, &self.state))
        memset(&self.visit, 0, sizeof(yb_visit))
        self.visit.size = sizeof(yb_visit)
        self.visit.version = UINT64_MAX
        self.visit.begndate = self.visit.enddate = self.visit.brdy = YB_NO_DAY
        self.visit.ipt_days = self.visit.combination = -1
        self.visit.acct_used = self.visit.movements_known = 1
        self.visit.medfee = self.visit.balc = self.visit.mulaid_balc = YB_MISSING
        self.fact.which = yb_image_fact(self.image, text(b"med_type"))
        self.fact.number = YB_MISSING
        self.visit.facts = &self.fact
        self.visit.fact_count = 1
        self.names = [yb_column(i).decode() for i in range(YB_COLUMN_COUNT)]
        self.person, self.med_type = person, med_type
        self.visit.psn_no = text(self.person)
        self.fact.text = text(self.med_type)

    cdef bytes person, med_type

    def __dealloc__(self):
        yb_state_free(self.state)
        yb_desk_free(self.desk)
        if self.image != NULL:
            yb_image_close(self.image)

    cdef int must(self, int code) except -1:
        if code != YB_OK:
            why = b"" if self.desk == NULL else yb_why(self.desk)
            raise RuntimeError(f"{yb_sentence(code, 0).decode()} {why.decode()}")
        return 0

    def settle(self, bytes setl_id, int day, list items):
        """Items as (code, fen); the columns by name."""
        cdef yb_line lines[16]
        cdef yb_result result
        cdef size_t count = len(items)
        cdef size_t i
        cdef int code
        for i in range(count):
            memset(&lines[i], 0, sizeof(yb_line))
            lines[i].item = yb_image_item(self.image, text(items[i][0]))
            lines[i].amount = items[i][1]
            lines[i].day = YB_NO_DAY
            lines[i].quantity = lines[i].price = YB_MISSING
            lines[i].returns = -1
        self.visit.setl_id = text(setl_id)
        self.visit.setl_day = day
        result.size = sizeof(yb_result)
        with nogil:
            code = yb_settle(self.desk, self.state, &self.visit, lines, count, &result, NULL, self.state)
        self.must(code)
        return {name: result.columns[at] for at, name in enumerate(self.names)}

    def state_bytes(self):
        cdef size_t size = 0
        yb_state_write(self.state, NULL, &size)
        out = bytearray(size)
        cdef unsigned char[:] at = out
        self.must(yb_state_write(self.state, &at[0], &size))
        return bytes(out)
