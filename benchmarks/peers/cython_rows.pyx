# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The job in Cython, one visit after the other through a sorted permutation."""

from libc.stdint cimport int8_t, int32_t, int64_t


cdef inline int64_t hu(int64_t x, int64_t d) noexcept nogil:
    return (x + d / 2) / d


cdef inline int64_t smaller(int64_t a, int64_t b) noexcept nogil:
    return a if a < b else b


cdef inline int64_t larger(int64_t a, int64_t b) noexcept nogil:
    return a if a > b else b


def settle(const int32_t[::1] person, const int32_t[::1] date, const int8_t[::1] tier, const int8_t[::1] kind, const int64_t[::1] off,
           const int32_t[::1] item, const int32_t[::1] ldate, const int32_t[::1] qty, const int64_t[::1] amount,
           const int8_t[::1] cat, const int64_t[::1] acct0, const int64_t[::1] first, const int32_t[::1] v_from, const int32_t[::1] v_to,
           const int8_t[::1] v_class, const int32_t[::1] v_ratio, const int64_t[::1] v_ceil, const int64_t[::1] order, int32_t new_year,
           const int64_t[:, :, ::1] ded_in, const int64_t[::1] ded_out, const int64_t[::1] seg_lo, const int64_t[::1] seg_hi,
           const int64_t[:, :, :, ::1] rate, const int64_t[::1] cap_basic, const int64_t[::1] large_rate, const int64_t[::1] cap_large,
           const int64_t[::1] cat_lo, const int64_t[::1] cat_hi, const int64_t[:, ::1] cat_rate, const int64_t[::1] cap_cat,
           int64_t[:, ::1] out):
    cdef int64_t x, i, k, v, s, who = -1, n = 0, used = 0, acc_basic = 0, acc_large = 0, burden = 0, acc_cat = 0, left = 0
    cdef int64_t total, full, limited, part, lim, scope, ded, calc, basic, large, b, due, cata, acct, c = 0, t
    cdef bint late = False, found
    with nogil:
        for x in range(order.shape[0]):
            i = order[x]
            total = full = limited = part = 0
            for k in range(off[i], off[i + 1]):
                total += amount[k]
                found = False
                for v in range(first[item[k]], first[item[k] + 1]):
                    if v_from[v] <= ldate[k] < v_to[v]:
                        found = v_class[v] != 2
                        break
                if not found:
                    full += amount[k]
                    continue
                lim = amount[k] if v_ceil[v] < 0 else smaller(amount[k], hu(v_ceil[v] * qty[k], 1000))
                limited += lim
                if v_class[v] == 1:
                    part += hu(lim * v_ratio[v], 10000)
            scope = limited - part
            if person[i] != who or late != (date[i] >= new_year):
                who, late = person[i], date[i] >= new_year
                n = used = acc_basic = acc_large = burden = acc_cat = 0
                left = acct0[who]
                c = cat[who]
            t = tier[i]
            if kind[i] == 1:
                n += 1
                ded = smaller(scope, ded_in[c, t, smaller(n, 3) - 1])
            else:
                ded = smaller(scope, ded_out[c] - used)
                used += ded
            calc = 0
            for s in range(4):
                calc += hu(larger(0, smaller(scope, seg_hi[s]) - larger(ded, seg_lo[s])) * rate[kind[i], c, t, s], 10000)
            basic = smaller(calc, cap_basic[c] - acc_basic)
            acc_basic += basic
            large = smaller(hu((calc - basic) * large_rate[c], 10000), cap_large[c] - acc_large)
            acc_large += large
            b = scope + part - basic - large
            due = 0
            for s in range(3):
                due += hu(larger(0, smaller(burden + b, cat_hi[s]) - larger(burden, cat_lo[s])) * cat_rate[c, s], 10000)
            cata = smaller(due, cap_cat[c] - acc_cat)
            acc_cat += cata
            burden += b
            acct = smaller(left, b - cata)
            left -= acct
            out[0, i], out[1, i], out[2, i], out[3, i], out[4, i] = total, full, total - full - limited, part, scope
            out[5, i], out[6, i], out[7, i], out[8, i], out[9, i], out[10, i] = ded, calc, basic, large, cata, acct
            out[11, i] = total - basic - large - cata - acct
            out[12, i], out[13, i], out[14, i], out[15, i] = acc_basic, acc_large, burden, left
