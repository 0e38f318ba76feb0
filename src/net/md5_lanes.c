/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps are written once, over the compiler's own vectors, and compiled twice: for every processor, where a vector may
 * be two or eight registers' worth, and for AVX-512VL, which rotates and mixes three words in one instruction each.  AVX2
 * has neither, and is no quicker than the first.
 */
#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "net/md5_lanes.h"

#define BLOCK 64

typedef uint32_t words __attribute__((vector_size(4 * MD5_LANES))); /* one of each lane */

/* n blocks, at least one, of each lane. */
typedef void compress_fn(uint32_t state[4][MD5_LANES], const uint8_t *const at[MD5_LANES], size_t n);

static const uint32_t sines[64] = { /* floor(2^32 * |sin(i + 1)|) */
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

#define F(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define G(b, c, d) ((c) ^ ((d) & ((b) ^ (c))))
#define H(b, c, d) ((b) ^ ((c) ^ (d)))
#define I(b, c, d) ((c) ^ ((b) | ~(d)))
#define STEP(f, a, b, c, d, i, word, turn)                \
	do {                                              \
		a += w[(word) % 16] + sines[i];           \
		a += f(b, c, d);                          \
		a = a << (turn) | a >> (32 - (turn));     \
		a += b;                                   \
	} while (0)
/* Steps i to i + 3, of words from `word` on in strides. */
#define FOUR(f, i, word, stride, s0, s1, s2, s3)                        \
	do {                                                            \
		STEP(f, a, b, c, d, i, word, s0);                       \
		STEP(f, d, a, b, c, i + 1, (word) + (stride), s1);      \
		STEP(f, c, d, a, b, i + 2, (word) + 2 * (stride), s2);  \
		STEP(f, b, c, d, a, i + 3, (word) + 3 * (stride), s3);  \
	} while (0)
#define SIXTEEN(f, i, word, stride, s0, s1, s2, s3)                                \
	do {                                                                       \
		FOUR(f, i, word, stride, s0, s1, s2, s3);                          \
		FOUR(f, i + 4, (word) + 4 * (stride), stride, s0, s1, s2, s3);     \
		FOUR(f, i + 8, (word) + 8 * (stride), stride, s0, s1, s2, s3);     \
		FOUR(f, i + 12, (word) + 12 * (stride), stride, s0, s1, s2, s3);   \
	} while (0)

static inline __attribute__((always_inline)) void compress(uint32_t state[4][MD5_LANES],
							    const uint8_t *const at[MD5_LANES], size_t n)
{
	words s[4], a, b, c, d, w[16];

	memcpy(s, state, sizeof(s));
	for (size_t off = 0; off < n * BLOCK; off += BLOCK) {
		for (size_t i = 0; i < 16; i++)
			w[i] = (words){ get_le32(at[0] + off + 4 * i), get_le32(at[1] + off + 4 * i),
					get_le32(at[2] + off + 4 * i), get_le32(at[3] + off + 4 * i),
					get_le32(at[4] + off + 4 * i), get_le32(at[5] + off + 4 * i),
					get_le32(at[6] + off + 4 * i), get_le32(at[7] + off + 4 * i) };
		a = s[0];
		b = s[1];
		c = s[2];
		d = s[3];
		SIXTEEN(F, 0, 0, 1, 7, 12, 17, 22);
		SIXTEEN(G, 16, 1, 5, 5, 9, 14, 20);
		SIXTEEN(H, 32, 5, 3, 4, 11, 16, 23);
		SIXTEEN(I, 48, 0, 7, 6, 10, 15, 21);
		s[0] += a;
		s[1] += b;
		s[2] += c;
		s[3] += d;
	}
	memcpy(state, s, sizeof(s));
}

static void compress_portable(uint32_t state[4][MD5_LANES], const uint8_t *const at[MD5_LANES], size_t n)
{
	compress(state, at, n);
}

#if defined(__x86_64__)
__attribute__((target("avx512vl"))) static void compress_avx512(uint32_t state[4][MD5_LANES],
								 const uint8_t *const at[MD5_LANES], size_t n)
{
	compress(state, at, n);
}
#endif

struct lane {
	struct md5_body *body; /* NULL: none is left for it */
	size_t blocks;         /* left, of the body's whole ones or of its end */
	bool ending;
	uint8_t end[2 * BLOCK]; /* what is left of the body, and its length in bits */
};

struct lanes {
	uint32_t state[4][MD5_LANES];
	const uint8_t *at[MD5_LANES];
	struct lane lane[MD5_LANES];
	struct md5_body *next, *behind;
};

static void begin(struct lanes *l, size_t i)
{
	static const uint32_t first[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	struct lane *lane = &l->lane[i];

	lane->body = l->next++;
	lane->blocks = lane->body->len / BLOCK;
	lane->ending = false;
	l->at[i] = lane->body->data;
	for (int k = 0; k < 4; k++)
		l->state[k][i] = first[k];
}

static void begin_end(struct lanes *l, size_t i)
{
	struct lane *lane = &l->lane[i];
	size_t rest = lane->body->len % BLOCK;

	lane->ending = true;
	lane->blocks = rest < BLOCK - 8 ? 1 : 2;
	memset(lane->end, 0, sizeof(lane->end));
	if (rest > 0)
		memcpy(lane->end, (const uint8_t *)lane->body->data + (lane->body->len - rest), rest);
	lane->end[rest] = 0x80;
	put_le64(lane->end + lane->blocks * BLOCK - 8, (uint64_t)lane->body->len * 8);
	l->at[i] = lane->end;
}

/* To where the lane has blocks.  False: its body is done, and no other is left. */
static bool advance(struct lanes *l, size_t i)
{
	struct lane *lane = &l->lane[i];

	while (lane->blocks == 0) {
		if (lane->body && !lane->ending) {
			begin_end(l, i);
			continue;
		}
		for (int k = 0; lane->body && k < 4; k++)
			put_le32(lane->body->md5 + 4 * k, l->state[k][i]);
		lane->body = NULL;
		if (l->next == l->behind)
			return false;
		begin(l, i);
	}
	return true;
}

static void run(struct md5_body *bodies, size_t n, compress_fn *fn)
{
	struct lanes l = { .next = bodies, .behind = bodies + n };

	for (;;) {
		size_t least = SIZE_MAX, of = 0;

		for (size_t i = 0; i < MD5_LANES; i++)
			if (advance(&l, i) && l.lane[i].blocks < least) {
				least = l.lane[i].blocks;
				of = i;
			}
		if (least == SIZE_MAX)
			return;
		for (size_t i = 0; i < MD5_LANES; i++)
			if (!l.lane[i].body) /* has nothing to do, and does as another does */
				l.at[i] = l.at[of];
		fn(l.state, l.at, least);
		for (size_t i = 0; i < MD5_LANES; i++) {
			l.at[i] += least * BLOCK;
			if (l.lane[i].body)
				l.lane[i].blocks -= least;
		}
	}
}

void md5_lanes_portable(struct md5_body *bodies, size_t n)
{
	run(bodies, n, compress_portable);
}

#if defined(__x86_64__)
void md5_lanes_avx512(struct md5_body *bodies, size_t n)
{
	run(bodies, n, compress_avx512);
}
#endif

void md5_lanes(struct md5_body *bodies, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512vl")) {
		md5_lanes_avx512(bodies, n);
		return;
	}
#endif
	md5_lanes_portable(bodies, n);
}
