;; Resizing 8-bit RGB as Pillow does it, to the bit: across, then down, each rounded to 8 bits.
;; src/data/images/pillow-resampler.ts says what lies where in the memory and calls these.
;;
;; Weights are integers of 32 bits, 2^22 meaning 1; sums are exact in 32 bits, rounded once, and clipped to 0 to 255.
(module
  (memory (export "memory") 1)

  ;; One row of the result's width.
  ;; $row: a row of pixels; $starts: of each pixel of the result, how many bytes behind $row its first pixel lies;
  ;; $weights: of each pixel, $taps weights; $to: receives $count pixels, and a byte more.
  (func (export "across")
    (param $row i32) (param $starts i32) (param $weights i32) (param $taps i32) (param $to i32) (param $count i32)
    (local $at i32) (local $left i32) (local $sum v128)
    (loop $columns
      (local.set $sum (v128.const i32x4 2097152 2097152 2097152 2097152))
      (local.set $at (i32.add (local.get $row) (i32.load (local.get $starts))))
      (local.set $left (local.get $taps))
      (loop $pixels
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
          (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $at))))
          (v128.load32_splat (local.get $weights)))))
        (local.set $at (i32.add (local.get $at) (i32.const 3)))
        (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
        (br_if $pixels (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
      (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
      (v128.store32_lane 0 (local.get $to) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
      (local.set $to (i32.add (local.get $to) (i32.const 3)))
      (local.set $starts (i32.add (local.get $starts) (i32.const 4)))
      (br_if $columns (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; One row of the result's height, out of $taps rows.
  ;; $from: the first of them, $stride bytes apart; $weights: of each a weight; $to: receives $bytes bytes, rounded up
  ;; to 16. As many are read of each row.
  (func (export "down")
    (param $from i32) (param $stride i32) (param $weights i32) (param $taps i32) (param $to i32) (param $bytes i32)
    (local $x i32) (local $row i32) (local $weight i32) (local $left i32)
    (local $a v128) (local $half v128) (local $w v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (loop $columns
      (local.set $s0 (v128.const i32x4 2097152 2097152 2097152 2097152))
      (local.set $s1 (local.get $s0))
      (local.set $s2 (local.get $s0))
      (local.set $s3 (local.get $s0))
      (local.set $row (i32.add (local.get $from) (local.get $x)))
      (local.set $weight (local.get $weights))
      (local.set $left (local.get $taps))
      (loop $rows
        (local.set $a (v128.load (local.get $row)))
        (local.set $w (v128.load32_splat (local.get $weight)))
        (local.set $half (i16x8.extend_low_i8x16_u (local.get $a)))
        (local.set $s0 (i32x4.add (local.get $s0)
          (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $w))))
        (local.set $s1 (i32x4.add (local.get $s1)
          (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $w))))
        (local.set $half (i16x8.extend_high_i8x16_u (local.get $a)))
        (local.set $s2 (i32x4.add (local.get $s2)
          (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $w))))
        (local.set $s3 (i32x4.add (local.get $s3)
          (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $w))))
        (local.set $row (i32.add (local.get $row) (local.get $stride)))
        (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
        (br_if $rows (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (v128.store (i32.add (local.get $to) (local.get $x))
        (i8x16.narrow_i16x8_u
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $s0) (i32.const 22)) (i32x4.shr_s (local.get $s1) (i32.const 22)))
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $s2) (i32.const 22)) (i32x4.shr_s (local.get $s3) (i32.const 22)))))
      (br_if $columns (i32.lt_u
        (local.tee $x (i32.add (local.get $x) (i32.const 16))) (local.get $bytes))))))
