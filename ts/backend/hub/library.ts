// What kerf uses of Hugging Face's own library. The build makes this file dist/hub.js, which is loaded when a model is not a folder here.
export {
  downloadFileToCacheDir,
  getHFHubCachePath,
  getRepoFolderName,
  HubApiError,
  listFiles,
  modelInfo,
} from '@huggingface/hub'
