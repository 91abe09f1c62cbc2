;; Resizing 8-bit RGB, in two passes, and making numbers of it, with the SIMD instructions of WebAssembly.
;; src/data/images/resampler.ts says what lies where in the memory and calls these; `npm run build` assembles this file (scripts/build-wasm.js).
;;
;; Weights are integers of 16 bits, 16384 meaning 1; sums are exact in 32 bits, rounded once, and clipped to 0 to 255.
(module
  (memory (export "memory") 1)

  ;; One row of the result's height out of `2 * $pairs` rows of the source.
  ;; $from: the first of them, $stride bytes apart; $weights: for each pair of rows two weights, side by side;
  ;; $to: receives $bytes bytes, rounded up to 16. As many are read of each row.
  (func (export "vertical")
    (param $from i32) (param $stride i32) (param $weights i32) (param $pairs i32) (param $to i32) (param $bytes i32)
    (local $x i32) (local $row i32) (local $weight i32) (local $left i32)
    (local $a v128) (local $b v128) (local $w v128) (local $low v128) (local $high v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (loop $columns
      (local.set $s0 (v128.const i32x4 8192 8192 8192 8192))
      (local.set $s1 (local.get $s0))
      (local.set $s2 (local.get $s0))
      (local.set $s3 (local.get $s0))
      (local.set $row (i32.add (local.get $from) (local.get $x)))
      (local.set $weight (local.get $weights))
      (local.set $left (local.get $pairs))
      (loop $rows
        (local.set $a (v128.load (local.get $row)))
        (local.set $b (v128.load (i32.add (local.get $row) (local.get $stride))))
        (local.set $w (v128.load32_splat (local.get $weight)))
        (local.set $low (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $a) (local.get $b)))
        (local.set $high (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $a) (local.get $b)))
        (local.set $s0 (i32x4.add (local.get $s0)
          (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_u (local.get $low)) (local.get $w))))
        (local.set $s1 (i32x4.add (local.get $s1)
          (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_u (local.get $low)) (local.get $w))))
        (local.set $s2 (i32x4.add (local.get $s2)
          (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_u (local.get $high)) (local.get $w))))
        (local.set $s3 (i32x4.add (local.get $s3)
          (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_u (local.get $high)) (local.get $w))))
        (local.set $row (i32.add (local.get $row) (i32.shl (local.get $stride) (i32.const 1))))
        (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
        (br_if $rows (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (v128.store (i32.add (local.get $to) (local.get $x))
        (i8x16.narrow_i16x8_u
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $s0) (i32.const 14)) (i32x4.shr_s (local.get $s1) (i32.const 14)))
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $s2) (i32.const 14)) (i32x4.shr_s (local.get $s3) (i32.const 14)))))
      (br_if $columns (i32.lt_u
        (local.tee $x (i32.add (local.get $x) (i32.const 16))) (local.get $bytes)))))

  ;; Two pixels each become eight numbers of 16 bits, r0 r1 g0 g1 b0 b1 0 0.
  ;; $from: a row of pixels, of which $bytes are taken, rounded up to 12; $to: receives 32 bytes for every 12.
  (func (export "paired") (param $from i32) (param $bytes i32) (param $to i32)
    (local $end i32) (local $pixels v128)
    (local.set $end (i32.add (local.get $from) (local.get $bytes)))
    (loop $fours
      (local.set $pixels (v128.load (local.get $from)))
      (v128.store (local.get $to) (i8x16.swizzle (local.get $pixels)
        (v128.const i8x16 0 128 3 128 1 128 4 128 2 128 5 128 128 128 128 128)))
      (v128.store offset=16 (local.get $to) (i8x16.swizzle (local.get $pixels)
        (v128.const i8x16 6 128 9 128 7 128 10 128 8 128 11 128 128 128 128 128)))
      (local.set $to (i32.add (local.get $to) (i32.const 32)))
      (br_if $fours (i32.lt_u
        (local.tee $from (i32.add (local.get $from) (i32.const 12))) (local.get $end)))))

  ;; The pixels of one row of the result, each out of `2 * $pairs` pixels of a row of the source.
  ;; $row: what `paired` has made of it; $starts: of each pixel of the result, how many bytes behind $row its first pair
  ;; lies; $weights: of each pixel, for each pair two weights, side by side; $to: receives $count pixels, and a byte more.
  (func (export "horizontal")
    (param $row i32) (param $starts i32) (param $weights i32) (param $pairs i32) (param $to i32) (param $count i32)
    (local $at i32) (local $left i32) (local $sum v128)
    (loop $columns
      (local.set $sum (v128.const i32x4 8192 8192 8192 8192))
      (local.set $at (i32.add (local.get $row) (i32.load (local.get $starts))))
      (local.set $left (local.get $pairs))
      (loop $taps
        (local.set $sum (i32x4.add (local.get $sum)
          (i32x4.dot_i16x8_s (v128.load (local.get $at)) (v128.load32_splat (local.get $weights)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
        (br_if $taps (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 14)))
      (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
      (v128.store32_lane 0 (local.get $to) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
      (local.set $to (i32.add (local.get $to) (i32.const 3)))
      (local.set $starts (i32.add (local.get $starts) (i32.const 4)))
      (br_if $columns (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Pixels become numbers, (value + add) * scale in 64 bits, rounded to 32: four pixels, twelve numbers, at a time.
  ;; $from: the first four; each next four lie $step bytes further; $mirrored: each four are taken from the last to the
  ;; first; $constants: six pairs of numbers of 64 bits to add, six to multiply by; $to: receives 48 bytes for each.
  (func (export "normalized")
    (param $from i32) (param $step i32) (param $mirrored i32) (param $constants i32) (param $to i32) (param $fours i32)
    (local $order v128) (local $pixels v128) (local $half v128) (local $four v128)
    (local.set $order (select
      (v128.const i8x16 9 10 11 6 7 8 3 4 5 0 1 2 128 128 128 128)
      (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 128 128 128 128)
      (local.get $mirrored)))
    (loop $next
      (local.set $pixels (i8x16.swizzle (v128.load (local.get $from)) (local.get $order)))
      (local.set $half (i16x8.extend_low_i8x16_u (local.get $pixels)))
      (local.set $four (i32x4.extend_low_i16x8_u (local.get $half)))
      (v128.store64_lane offset=0 0 (local.get $to) (f32x4.demote_f64x2_zero (f64x2.mul
        (f64x2.add (f64x2.convert_low_i32x4_s (local.get $four))
          (v128.load offset=0 (local.get $constants)))
        (v128.load offset=96 (local.get $constants)))))
      (v128.store64_lane offset=8 0 (local.get $to) (f32x4.demote_f64x2_zero (f64x2.mul
        (f64x2.add (f64x2.convert_low_i32x4_s (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
          (local.get $four) (local.get $four)))
          (v128.load offset=16 (local.get $constants)))
        (v128.load offset=112 (local.get $constants)))))
      (local.set $four (i32x4.extend_high_i16x8_u (local.get $half)))
      (v128.store64_lane offset=16 0 (local.get $to) (f32x4.demote_f64x2_zero (f64x2.mul
        (f64x2.add (f64x2.convert_low_i32x4_s (local.get $four))
          (v128.load offset=32 (local.get $constants)))
        (v128.load offset=128 (local.get $constants)))))
      (v128.store64_lane offset=24 0 (local.get $to) (f32x4.demote_f64x2_zero (f64x2.mul
        (f64x2.add (f64x2.convert_low_i32x4_s (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
          (local.get $four) (local.get $four)))
          (v128.load offset=48 (local.get $constants)))
        (v128.load offset=144 (local.get $constants)))))
      (local.set $four (i32x4.extend_low_i16x8_u (i16x8.extend_high_i8x16_u (local.get $pixels))))
      (v128.store64_lane offset=32 0 (local.get $to) (f32x4.demote_f64x2_zero (f64x2.mul
        (f64x2.add (f64x2.convert_low_i32x4_s (local.get $four))
          (v128.load offset=64 (local.get $constants)))
        (v128.load offset=160 (local.get $constants)))))
      (v128.store64_lane offset=40 0 (local.get $to) (f32x4.demote_f64x2_zero (f64x2.mul
        (f64x2.add (f64x2.convert_low_i32x4_s (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
          (local.get $four) (local.get $four)))
          (v128.load offset=80 (local.get $constants)))
        (v128.load offset=176 (local.get $constants)))))
      (local.set $from (i32.add (local.get $from) (local.get $step)))
      (local.set $to (i32.add (local.get $to) (i32.const 48)))
      (br_if $next (local.tee $fours (i32.sub (local.get $fours) (i32.const 1)))))))
