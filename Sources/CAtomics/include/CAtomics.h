#pragma once
// Atomic operations on words in shared memory (a mapped file), which Swift's Synchronization.Atomic, an owner of its own storage, does not offer.
#include <stdint.h>

/// Whether a bit is set. Acquire: what was written before the bit was set is visible after this returns true.
static inline int starling_bit_is_set(const void *words, uint64_t bit) {
    return (int)(__atomic_load_n((const uint64_t *)words + bit / 64, __ATOMIC_ACQUIRE) >> (bit % 64) & 1);
}

/// Sets a bit and tells whether it was set before. Release: what was written before is visible to whoever sees the bit.
static inline int starling_bit_set(void *words, uint64_t bit) {
    uint64_t mask = (uint64_t)1 << (bit % 64);
    return (__atomic_fetch_or((uint64_t *)words + bit / 64, mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

/// Clears a bit.
static inline void starling_bit_clear(void *words, uint64_t bit) {
    __atomic_fetch_and((uint64_t *)words + bit / 64, ~((uint64_t)1 << (bit % 64)), __ATOMIC_SEQ_CST);
}

// Words are sequentially consistent: the slot table of LazyFS publishes in one and looks in another.
/// Adds to a word and returns the sum.
static inline uint64_t starling_word_add(void *word, uint64_t value) { return __atomic_add_fetch((uint64_t *)word, value, __ATOMIC_SEQ_CST); }
/// Reads a word.
static inline uint64_t starling_word_load(const void *word) { return __atomic_load_n((const uint64_t *)word, __ATOMIC_SEQ_CST); }
/// Writes a word.
static inline void starling_word_store(void *word, uint64_t value) { __atomic_store_n((uint64_t *)word, value, __ATOMIC_SEQ_CST); }
