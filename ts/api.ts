// The public API without a backend; index.ts adds the one of Node.
export { classify, type Classified, type ClassifyOptions, type TextOrPair } from './classify.js'
export { compare } from './compare.js'
export { compress, type CompressResult } from './compress.js'
export { defineConfig, type KerfConfig } from './config.js'
export { convert, type ConvertOptions } from './convert.js'
export { embed, type EmbedOptions } from './embed.js'
export { KerfError, type ErrorData, type HostErrorCode, type KerfErrorCode } from './errors.js'
export { evaluate, type EvaluateOptions } from './evaluate.js'
export { generate, type GenerateOptions } from './generate.js'
export { inspect } from './inspect.js'
export { isa } from './isa.js'
export { plan } from './plan.js'
export { renderReport } from './render-report.js'
export { PRESET_ABOUT } from './generated/index.js'
export { STAGE_LABELS } from './stage-labels.js'
export { track, type Tracked } from './track.js'
export { version } from './version.js'
export type { RunOptions } from './call.js'
export type { RouterRule, RoutingOptions } from './routing.js'
export type { MeasureOptions } from './measure.js'
export type { ModelOptions } from './model.js'
export type { CompressOptions, Format, Isa, Method, Preset, QualityLevel, Schedule } from './options.js'
export type { MatrixMatch, MatrixRule } from './rules.js'
export type { AfterOptions } from './quality/options.js'
export type { NearestText, Quality, QualitySample } from './quality/quality.js'
export type { PartBytes, ReportData } from './report/data.js'
export type { RecoverOptions, TokenCount } from './recover.js'
export type { Size } from './size.js'
export type {
  BlobSource,
  ByteSource,
  ByteStream,
  DirectoryHandle,
  FileHandle,
  FileSource,
  Model,
  NamedBlob,
  Target,
  WithSources,
} from './source.js'
export type * from './generated/index.js'
